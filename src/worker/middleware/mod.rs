//! Handlers around handlers: each wraps one and is one.

mod circuit_breaker;
mod deduplicate;
mod timeout;

pub use circuit_breaker::CircuitBreaker;
pub use deduplicate::{Deduplicate, Seen, SeenInMemory};
pub use timeout::Timeout;
