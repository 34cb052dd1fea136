use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::ClientConfig;

use super::KafkaSource;
use crate::contract::{Error, ErrorKind, Operation, Result};
use crate::kafka::KafkaCluster;
use crate::telemetry::Instrumentation;

/// librdkafka's own default of `max.poll.interval.ms`.
const POLL_INTERVAL: Duration = Duration::from_mins(5);

/// How a consumer group shares out its partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The classic protocol: every rebalance takes all partitions from all members for a moment
    /// (`partition.assignment.strategy=range,roundrobin`).
    Eager,
    /// The classic protocol, in which only those partitions move that have to (KIP-429,
    /// `cooperative-sticky`). The default. No member of the group may be eager.
    #[default]
    Cooperative,
    /// The broker shares them out (KIP-848, `group.protocol=consumer`), from Kafka 4.0 on.
    Consumer,
}

impl GroupProtocol {
    fn set(self, config: &mut ClientConfig) {
        let strategy = match self {
            Self::Eager => "range,roundrobin",
            Self::Cooperative => "cooperative-sticky",
            Self::Consumer => {
                config.set("group.protocol", "consumer");
                config.remove("partition.assignment.strategy");
                return;
            }
        };
        config.set("group.protocol", "classic");
        config.set("partition.assignment.strategy", strategy);
    }
}

/// Which records are handled in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaneBy {
    /// Those of a partition: at most as many at a time as there are partitions. The default.
    #[default]
    Partition,
    /// Those of a key; records without a key are in no order.
    Key,
}

/// Where a group begins that has no position yet, or whose position is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartAt {
    /// At the oldest record that is there. The default.
    #[default]
    Earliest,
    /// Behind the newest.
    Latest,
}

/// Sets up a [`KafkaSource`].
#[derive(Clone)]
#[must_use]
pub struct KafkaSourceBuilder {
    config: ClientConfig,
    topic: String,
    group: String,
    protocol: Option<GroupProtocol>,
    start: Option<StartAt>,
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) lanes: LaneBy,
    pub(super) prefetch: usize,
    pub(super) drain: Duration,
    pub(super) commit: Duration,
    pub(super) retry_topic: Option<String>,
    pub(super) instrumentation: Instrumentation,
}

impl KafkaSourceBuilder {
    pub(super) fn new(config: ClientConfig, topic: String, group: String) -> Self {
        let settings = Settings {
            lanes: LaneBy::default(),
            prefetch: 1_000,
            drain: Duration::from_secs(30),
            commit: Duration::from_secs(1),
            retry_topic: None,
            instrumentation: Instrumentation::default(),
        };
        Self {
            config,
            topic,
            group,
            protocol: None,
            start: None,
            settings,
        }
    }

    /// How the group shares out its partitions. Default: what `group.protocol` or
    /// `partition.assignment.strategy` of the configuration say, else
    /// [`GroupProtocol::Cooperative`].
    pub fn protocol(mut self, protocol: GroupProtocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Which records are handled in order. Default: [`LaneBy::Partition`].
    pub fn lanes(mut self, by: LaneBy) -> Self {
        self.settings.lanes = by;
        self
    }

    /// Where a group begins that has no position yet. Default: what `auto.offset.reset` of the
    /// configuration says, else [`StartAt::Earliest`].
    pub fn start_at(mut self, start: StartAt) -> Self {
        self.start = Some(start);
        self
    }

    /// Makes this a static member of that name, unique in the group (KIP-345): it may be away for
    /// `session.timeout.ms` without a rebalance. Default: what `group.instance.id` of the
    /// configuration says, else a member that leaves when it closes.
    pub fn static_member(mut self, id: impl Into<String>) -> Self {
        self.config.set("group.instance.id", id.into());
        self
    }

    /// How many records of a partition are kept ready at most, at least 1, and never more than
    /// 64 MiB of all partitions together. Default: 1,000. With [`LaneBy::Key`] a slow key holds back
    /// no other within these.
    pub fn prefetch(mut self, records: usize) -> Self {
        self.settings.prefetch = records.max(1);
        self
    }

    /// How long what is in hand may take to finish when its partition goes to another member, who
    /// waits for it. It must be below `max.poll.interval.ms`. Default: 30 s. What takes longer loses
    /// its lease.
    pub fn rebalance_drain(mut self, time: Duration) -> Self {
        self.settings.drain = time;
        self
    }

    /// How often positions are committed, if they have changed. Default: 1 s. They are committed
    /// besides when a partition goes, and at the end.
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.settings.commit = interval;
        self
    }

    /// Sends what is to come again to that topic, and reads it too, instead of holding its lane.
    /// Default: none. The topic must be there. Order is given up: other records of the lane go on,
    /// and in a partition of the topic a record waits for those before it too. Attempts are counted
    /// across crashes.
    pub fn retry_topic(mut self, topic: impl Into<String>) -> Self {
        self.settings.retry_topic = Some(topic.into());
        self
    }

    /// The instrumentation. Default: the one on OpenTelemetry's globals.
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.settings.instrumentation = instrumentation;
        self
    }

    /// The source. Nothing is asked of Kafka before it is opened.
    ///
    /// # Errors
    /// [`rebalance_drain`](Self::rebalance_drain) is not below `max.poll.interval.ms`.
    pub fn build(self) -> Result<KafkaSource> {
        let config = self.client_config();
        let cluster = KafkaCluster::from_config(&config);
        let main = cluster.topic(&self.topic);
        let interval = self.config.get("max.poll.interval.ms");
        let interval = interval.and_then(|millis| millis.parse().ok());
        let interval = interval.map_or(POLL_INTERVAL, Duration::from_millis);
        if self.settings.drain >= interval {
            let detail = "the time to drain in a rebalance is not below max.poll.interval.ms";
            return Err(Error::new(
                Operation::Open,
                &main,
                ErrorKind::Config,
                detail,
            ));
        }
        let retries = self.settings.retry_topic.as_deref();
        let retries = retries.map(|topic| cluster.topic(topic));
        Ok(KafkaSource {
            config,
            main,
            retries,
            settings: self.settings,
            running: OnceLock::new(),
        })
    }

    fn client_config(&self) -> ClientConfig {
        let mut config = self.config.clone();
        config.set("group.id", &self.group);
        // Positions are the source's own to decide.
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        let defaults = [
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "earliest"),
            // librdkafka's own 1,000 ms stall a consumer that is slower than the fetcher.
            ("fetch.queue.backoff.ms", "10"),
            // A broker is asked for one fetch at a time. Where it waits for partitions without
            // records, another whose queue was full when it was sent runs dry meanwhile.
            ("fetch.wait.max.ms", "50"),
            // Each of our partition queues has this for itself; librdkafka's own 64 MiB are meant
            // for one queue of all partitions.
            ("queued.min.messages", "10000"),
            ("queued.max.messages.kbytes", "4096"),
        ];
        for (name, value) in defaults {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        if let Some(start) = self.start {
            let start = match start {
                StartAt::Earliest => "earliest",
                StartAt::Latest => "latest",
            };
            config.set("auto.offset.reset", start);
        }
        let names = ["group.protocol", "partition.assignment.strategy"];
        let configured = names.iter().any(|name| config.get(name).is_some());
        let protocol = self.protocol;
        if let Some(protocol) = protocol.or((!configured).then(GroupProtocol::default)) {
            protocol.set(&mut config);
        }
        config
    }
}

/// Without the configuration, which may hold credentials.
impl fmt::Debug for KafkaSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSourceBuilder")
            .field("topic", &self.topic)
            .field("group", &self.group)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
