//! Trace context and baggage on AMQP 0-9-1 headers.
