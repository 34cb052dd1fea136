//! A topic for one measurement, of one partition unless it says otherwise.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

pub(crate) struct Topic(String);

impl Topic {
    pub(crate) fn create() -> Self {
        Self::of(1)
    }

    pub(crate) fn of(partitions: i32) -> Self {
        let name = format!("bench-{:016x}", fastrand::u64(..));
        let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let created = block_on(admin().create_topics(&[new], &AdminOptions::new()));
        created.expect("an answer").remove(0).expect("a topic");
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // One that stays is in nobody's way.
        drop(block_on(
            admin().delete_topics(&[&self.0], &AdminOptions::new()),
        ));
    }
}

/// What every client is configured with.
pub(crate) fn config() -> ClientConfig {
    let brokers = std::env::var("TRACEHOP_KAFKA_BROKERS").expect("TRACEHOP_KAFKA_BROKERS is set");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn admin() -> AdminClient<DefaultClientContext> {
    config().create().expect("a client")
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}
