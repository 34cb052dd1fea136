//! What destinations are called, by the OpenTelemetry semantic conventions v1.44.0 for RabbitMQ.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use lapin::types::ShortString;

use crate::contract::{Destination, Server, System};

/// Where a message goes: `{exchange}:{routing key}`, else whichever of them is there, else
/// `amq.default`.
pub(crate) fn producer(exchange: &str, routing_key: &str) -> Destination {
    named(&[exchange, routing_key], routing_key)
}

/// Where a message comes from: `{exchange}:{routing key}:{queue}` without those that are empty,
/// and with the queue once where the routing key is its name.
pub(crate) fn consumer(exchange: &str, routing_key: &str, queue: &str) -> Destination {
    if routing_key == queue {
        return named(&[exchange, queue], routing_key);
    }
    named(&[exchange, routing_key, queue], routing_key)
}

fn named(parts: &[&str], routing_key: &str) -> Destination {
    let present: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    let name = match present.as_slice() {
        [] => "amq.default".to_owned(),
        present => present.join(":"),
    };
    Destination {
        anonymous: parts.iter().any(|part| is_generated(part)),
        routing_key: (!routing_key.is_empty()).then(|| routing_key.to_owned()),
        ..Destination::new(System::RabbitMq, name)
    }
}

/// Whether the server made the name up: for a queue that was declared without one, or for the
/// pseudo-queue of direct reply-to (RabbitMQ documentation, "Queues" and "Direct Reply-to").
fn is_generated(name: &str) -> bool {
    name.starts_with("amq.gen-") || name.starts_with("amq.rabbitmq.reply-to")
}

/// The destinations that one producer or consumer has met: telemetry prepares what it says of a
/// destination once for each that it is shown.
#[derive(Debug)]
pub(crate) struct Destinations {
    /// Of a consumer.
    queue: Option<ShortString>,
    server: Option<Server>,
    known: RwLock<Known>,
}

/// By exchange, then by routing key, so that a look-up needs no key of its own; and in their order,
/// since they are few, and a hash is made of each at more cost.
#[derive(Debug, Default)]
struct Known {
    by_exchange: BTreeMap<ShortString, BTreeMap<ShortString, Arc<Destination>>>,
    count: usize,
}

impl Destinations {
    /// Beyond this many, all are forgotten and named again as they are met.
    const MOST: usize = 4096;

    /// Of a producer on `server`.
    pub(crate) fn published(server: Option<Server>) -> Self {
        Self {
            queue: None,
            server,
            known: RwLock::default(),
        }
    }

    /// Of a consumer of `queue` on `server`.
    pub(crate) fn consumed(queue: ShortString, server: Option<Server>) -> Self {
        Self {
            queue: Some(queue),
            ..Self::published(server)
        }
    }

    /// The destination of messages that were published to `exchange` with `routing_key`.
    pub(crate) fn get(
        &self,
        exchange: &ShortString,
        routing_key: &ShortString,
    ) -> Arc<Destination> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let exchanges = known.by_exchange.get(exchange);
        if let Some(destination) = exchanges.and_then(|keys| keys.get(routing_key)) {
            return Arc::clone(destination);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.count >= Self::MOST {
            *known = Known::default();
        }
        known.count += 1;
        let keys = known.by_exchange.entry(exchange.clone()).or_default();
        let destination = keys.entry(routing_key.clone());
        Arc::clone(destination.or_insert_with(|| Arc::new(self.name(exchange, routing_key))))
    }

    fn name(&self, exchange: &ShortString, routing_key: &ShortString) -> Destination {
        let (exchange, routing_key) = (exchange.as_str(), routing_key.as_str());
        let destination = match &self.queue {
            Some(queue) => consumer(exchange, routing_key, queue.as_str()),
            None => producer(exchange, routing_key),
        };
        Destination {
            server: self.server.clone(),
            ..destination
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producers_destination_is_exchange_and_routing_key_as_far_as_they_are_there() {
        for (exchange, routing_key, name) in [
            ("logs", "eu.error", "logs:eu.error"),
            ("logs", "", "logs"),
            ("", "orders", "orders"),
            ("", "", "amq.default"),
        ] {
            let destination = producer(exchange, routing_key);
            assert_eq!(destination.name, name);
            let expected = (!routing_key.is_empty()).then_some(routing_key);
            assert_eq!(destination.routing_key.as_deref(), expected);
            assert!(!destination.anonymous);
        }
    }

    #[test]
    fn a_consumers_destination_has_the_queue_too_and_no_name_twice() {
        for (exchange, routing_key, queue, name) in [
            ("logs", "eu.error", "errors", "logs:eu.error:errors"),
            ("logs", "", "errors", "logs:errors"),
            ("logs", "errors", "errors", "logs:errors"),
            ("", "orders", "orders", "orders"),
            ("", "other", "orders", "other:orders"),
            ("", "", "orders", "orders"),
            ("logs", "eu", "", "logs:eu"),
            ("", "", "", "amq.default"),
        ] {
            let destination = consumer(exchange, routing_key, queue);
            assert_eq!(destination.name, name);
            assert!(!destination.anonymous);
        }
    }

    #[test]
    fn a_name_that_the_server_made_up_is_anonymous() {
        let generated = [
            producer("", "amq.gen-JzTY20BRgKO"),
            producer("", "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAz"),
            consumer("logs", "eu", "amq.gen-JzTY20BRgKO"),
            consumer("", "amq.gen-JzTY20BRgKO", "amq.gen-JzTY20BRgKO"),
            consumer(
                "",
                "amq.rabbitmq.reply-to.g1h2AA5y",
                "amq.rabbitmq.reply-to",
            ),
        ];
        for destination in generated {
            assert!(destination.anonymous, "{destination}");
            assert_eq!(destination.low_cardinality_name(), None);
        }
    }

    #[test]
    fn a_destination_is_named_once_and_forgotten_when_there_are_too_many() {
        let destinations = Destinations::published(None);
        let first = destinations.get(&"logs".into(), &"0".into());
        for number in 0..Destinations::MOST {
            destinations.get(&"logs".into(), &number.to_string().into());
        }
        let again = destinations.get(&"logs".into(), &"0".into());
        assert!(Arc::ptr_eq(&first, &again));
        destinations.get(&"logs".into(), &"one more".into());
        let known = destinations
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        assert_eq!(known.count, 1);
    }
}
