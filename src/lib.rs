#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(any(feature = "sqs", feature = "sns", feature = "lambda"))]
mod aws;
pub mod contract;
#[cfg(feature = "testing")]
pub mod journey;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod memory;
#[cfg(feature = "worker")]
pub mod relay;
#[cfg(feature = "setup")]
pub mod setup;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(feature = "sqs")]
pub mod sqs;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "worker")]
pub mod worker;
