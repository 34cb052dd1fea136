//! Trace context and baggage, carried across every queue hop.

pub mod contract;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "setup")]
pub mod setup;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod memory;
pub mod telemetry;
#[cfg(feature = "worker")]
pub mod worker;
