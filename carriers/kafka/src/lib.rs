//! Trace context and baggage on Kafka record headers.
