use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rdkafka::ClientConfig;

use crate::contract::{Destination, Server, System};
use crate::telemetry::Instrumentation;

/// A Kafka cluster as telemetry knows it, through the configuration of one client: its first
/// bootstrap server, and the consumer group. Nothing else of the configuration is kept, because it
/// may hold passwords.
///
/// Cheap to clone; clones know the same topics. It holds no client and opens nothing.
#[derive(Clone, Debug)]
pub struct KafkaCluster {
    instrumentation: Instrumentation,
    topics: Arc<Topics>,
}

impl KafkaCluster {
    /// What `config` says, with the default [`Instrumentation`]. Read are `bootstrap.servers` (or
    /// `metadata.broker.list`) and `group.id`.
    pub fn from_config(config: &ClientConfig) -> Self {
        let servers = config.get("bootstrap.servers");
        let servers = servers.or_else(|| config.get("metadata.broker.list"));
        Self {
            instrumentation: Instrumentation::default(),
            topics: Arc::new(Topics {
                server: servers.and_then(server),
                group: config.get("group.id").map(ToOwned::to_owned),
                known: RwLock::default(),
            }),
        }
    }

    /// Sets the instrumentation. Default: the one on OpenTelemetry's globals.
    #[must_use]
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.instrumentation = instrumentation;
        self
    }

    /// The destination that a topic is; the empty name stands for whatever topics a call is about.
    /// The same topic is the same `Arc`: telemetry prepares what it says of each once.
    pub fn topic(&self, name: &str) -> Arc<Destination> {
        self.topics.get(name)
    }

    pub(super) fn telemetry(&self) -> &Instrumentation {
        &self.instrumentation
    }
}

struct Topics {
    server: Option<Server>,
    group: Option<String>,
    /// Few, and looked up for every record.
    known: RwLock<Vec<Arc<Destination>>>,
}

impl Topics {
    /// Beyond this many, all are forgotten and named again as they are met.
    const MOST: usize = 4096;

    fn get(&self, name: &str) -> Arc<Destination> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = find(&known, name) {
            return topic;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = find(&known, name) {
            return topic;
        }
        if known.len() >= Self::MOST {
            known.clear();
        }
        let topic = Arc::new(Destination {
            server: self.server.clone(),
            consumer_group: self.group.clone(),
            ..Destination::new(System::Kafka, name)
        });
        known.push(Arc::clone(&topic));
        topic
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics")
            .field("server", &self.server)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

fn find(known: &[Arc<Destination>], name: &str) -> Option<Arc<Destination>> {
    known.iter().find(|topic| topic.name == name).cloned()
}

/// The first server of a list as `bootstrap.servers` has it, `[protocol://]host[:port]` with 9092
/// as the default port (librdkafka 2.12, `CONFIGURATION.md`, `INTRODUCTION.md`). Which of them is
/// talked to is not known, and may be another; credentials, which do not belong there, are not kept.
fn server(list: &str) -> Option<Server> {
    const DEFAULT_PORT: u16 = 9092;
    let first = list.split(',').map(str::trim).find(|one| !one.is_empty())?;
    let host_port = first.rsplit(['/', '@']).next().unwrap_or_default();
    let (host, port) = match host_port.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (host_port, DEFAULT_PORT),
    };
    (!host.is_empty()).then(|| Server {
        address: host.trim_matches(['[', ']']).to_owned(),
        port: Some(port),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(servers: &str) -> KafkaCluster {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers);
        config.set("group.id", "billing");
        config.set("sasl.password", "hunter2");
        KafkaCluster::from_config(&config)
    }

    #[test]
    fn the_server_is_the_first_bootstrap_server() {
        let cases = [
            ("127.0.0.1:9192", "127.0.0.1", 9192),
            (" , kafka-1:9093,kafka-2:9093", "kafka-1", 9093),
            ("SASL_SSL://kafka-1:9094", "kafka-1", 9094),
            ("kafka-1", "kafka-1", 9092),
            ("[::1]:9093", "::1", 9093),
            ("[::1]", "::1", 9092),
        ];
        for (list, address, port) in cases {
            let server = cluster(list).topic("orders").server.clone();
            let expected = Server {
                address: address.to_owned(),
                port: Some(port),
            };
            assert_eq!(server, Some(expected), "{list}");
        }
        for none in ["", ",", "host:port", ":9092"] {
            assert_eq!(cluster(none).topic("orders").server, None, "{none}");
        }
    }

    #[test]
    fn credentials_are_no_part_of_the_server() {
        for list in [
            "user:hunter2@kafka-1:9092",
            "SASL_SSL://user:hun/ter2@kafka-1:9092",
        ] {
            let cluster = cluster(list);
            let server = cluster.topic("orders").server.clone();
            assert_eq!(
                server.map(|server| server.address).as_deref(),
                Some("kafka-1")
            );
            assert!(!format!("{cluster:?}").contains("ter2"));
        }
    }

    #[test]
    fn a_topic_is_the_same_destination_each_time_and_has_the_consumers_group() {
        let cluster = cluster("kafka-1");
        let orders = cluster.topic("orders");
        assert!(Arc::ptr_eq(&orders, &cluster.topic("orders")));
        assert_eq!(cluster.topic("invoices").name, "invoices");
        assert_eq!(orders.consumer_group.as_deref(), Some("billing"));
        assert!(Arc::ptr_eq(&orders, &cluster.clone().topic("orders")));
    }
}
