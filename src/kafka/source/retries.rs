//! Failed messages that wait for their next attempt in a topic.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use rdkafka::ClientConfig;
use tokio::time::Instant;

use super::builder::Settings;
use super::place::Ticket;
use crate::contract::{Destination, Headers, Result, Sink as _, Value, later};
use crate::kafka::KafkaSink;
use crate::kafka::record::millis;
use crate::telemetry::{FreshLineage, PREVIOUS};

/// How many attempts there have been, in decimal.
const ATTEMPT: &str = "tracehop-attempt";
/// When the next one is due, in milliseconds since the Unix epoch.
const DUE: &str = "tracehop-retry-at";

/// The producer of the retry topic.
pub(super) struct Retries(KafkaSink);

impl Retries {
    pub(super) fn open(
        config: &ClientConfig,
        topic: &Arc<Destination>,
        settings: &Settings,
    ) -> Result<Self> {
        let sink = KafkaSink::builder(config.clone(), &topic.name);
        let sink = sink.instrumentation(settings.instrumentation.clone());
        sink.build().map(Self)
    }

    /// Sends a message to be tried again; says whether the topic has it. Where it has not, the
    /// message is held in this process.
    pub(super) async fn send(&self, ticket: &Ticket, delay: Option<Duration>) -> bool {
        let process = Context::current();
        let mut message = ticket.message();
        let headers = &mut message.headers;
        headers.set(ATTEMPT, ticket.attempt.to_string());
        match tracehop_propagation::traceparent(process.span().span_context()) {
            Some(span) => headers.set(PREVIOUS, span),
            None => drop(headers.remove(PREVIOUS)),
        }
        match delay.filter(|delay| !delay.is_zero()) {
            Some(delay) => {
                let due = SystemTime::now().checked_add(delay);
                let due = due.map_or(i64::MAX, millis);
                headers.set(DUE, due.to_string());
            }
            None => drop(headers.remove(DUE)),
        }
        // The record's own time says when it failed.
        message.properties.timestamp = None;
        let parent = process.with_value(FreshLineage);
        let sent = async { self.0.enqueue(message, &parent).await?.await };
        match sent.await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "a message is tried again in process");
                false
            }
        }
    }
}

/// Which attempt a record of the retry topic is for.
pub(super) fn attempt(headers: &Headers) -> u32 {
    let told = headers.get(ATTEMPT).and_then(Value::as_str);
    let told: Option<u32> = told.and_then(|attempts| attempts.parse().ok());
    told.unwrap_or(1).saturating_add(1)
}

/// When the attempt is due, if that is not now.
pub(super) fn due(headers: &Headers) -> Option<Instant> {
    let told = headers.get(DUE).and_then(Value::as_str)?;
    let due = Duration::from_millis(told.parse().ok()?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let wait = due.checked_sub(now).filter(|wait| !wait.is_zero())?;
    Some(later(Instant::now(), wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_is_the_one_after_those_that_are_told() {
        assert_eq!(attempt(&[(ATTEMPT, "3")].into_iter().collect()), 4);
        assert_eq!(attempt(&[(ATTEMPT, "many")].into_iter().collect()), 2);
        assert_eq!(attempt(&Headers::new()), 2);
    }

    #[test]
    fn what_was_due_before_or_at_no_time_is_due_now() {
        assert_eq!(due(&[(DUE, "1000")].into_iter().collect()), None);
        assert_eq!(due(&[(DUE, "soon")].into_iter().collect()), None);
        assert_eq!(due(&Headers::new()), None);
        let end_of_time: Headers = [(DUE, u64::MAX.to_string())].into_iter().collect();
        assert!(due(&end_of_time).is_some());
    }
}
