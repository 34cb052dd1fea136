//! Trace context and baggage, carried across every queue hop.

pub mod contract;
#[cfg(feature = "testing")]
pub mod testing;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
