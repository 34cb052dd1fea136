//! The queues: a sink on the way out, a worker on the way in, which need no middleware.

use std::collections::BTreeMap;
use std::env::var;
use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use rdkafka::ClientConfig;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracehop::amqp::{AmqpSink, AmqpSource};
use tracehop::contract::{Message, Sink, Source};
use tracehop::kafka::{KafkaSink, KafkaSource};
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::testing::sqs::SqsEndpoint;
use tracehop::worker::{Failure, Incoming, Worker};

use super::Result;
use super::service::Service;

/// How long a receive waits for a message. A source that closes lets its last one come back, which
/// takes that long; the default of 20 s asks less often.
const POLL: Duration = Duration::from_secs(1);

/// The queues that the environment names.
pub(crate) struct Queues {
    queues: Vec<Queue>,
    /// Where it names none.
    _in_process: Option<SqsEndpoint>,
}

enum Queue {
    Sqs {
        client: Client,
        url: String,
    },
    Kafka {
        config: ClientConfig,
        topic: String,
        group: String,
    },
    Amqp {
        url: String,
        queue: String,
    },
}

impl Queues {
    pub(crate) async fn from_env() -> Result<Self> {
        let mut queues = Vec::new();
        if let Ok(url) = var("QUEUE_URL") {
            let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
            let client = Client::new(&config);
            queues.push(Queue::Sqs { client, url });
        }
        if let Ok(topic) = var("TOPIC") {
            let brokers = var("KAFKA_BROKERS").map_err(|_| "KAFKA_BROKERS is not set")?;
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", brokers);
            let group = var("GROUP").unwrap_or_else(|_| "tracehop".to_owned());
            queues.push(Queue::Kafka {
                config,
                topic,
                group,
            });
        }
        if let Ok(queue) = var("QUEUE") {
            let url = var("AMQP_URL").map_err(|_| "AMQP_URL is not set")?;
            queues.push(Queue::Amqp { url, queue });
        }
        if !queues.is_empty() {
            return Ok(Self {
                queues,
                _in_process: None,
            });
        }
        let sqs = SqsEndpoint::start().await;
        let (client, url) = (sqs.client(), sqs.queue("orders").create());
        Ok(Self {
            queues: vec![Queue::Sqs { client, url }],
            _in_process: Some(sqs),
        })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.queues.iter().map(Queue::name)
    }

    /// The ways to them.
    pub(crate) fn sinks(&self) -> Result<Sinks> {
        let sinks = self.queues.iter().map(|queue| {
            let sink = match queue {
                Queue::Sqs { client, url } => Way::Sqs(SqsSink::new(client.clone(), url)?),
                Queue::Kafka { config, topic, .. } => {
                    Way::Kafka(KafkaSink::new(config.clone(), topic)?)
                }
                Queue::Amqp { url, queue } => Way::Amqp(AmqpSink::to_queue(url, queue)?.into()),
            };
            Ok((queue.name(), sink))
        });
        Ok(Sinks(sinks.collect::<Result<_>>()?))
    }

    /// Starts a worker on each.
    pub(crate) fn work(
        &self,
        service: &Service,
        stop: &CancellationToken,
        workers: &mut JoinSet<Result<()>>,
    ) -> Result<()> {
        for queue in &self.queues {
            let (name, service, stop) = (queue.name(), service.clone(), stop.clone());
            match queue {
                Queue::Sqs { client, url } => {
                    let source = SqsSource::builder(client.clone(), url).wait_time(POLL);
                    workers.spawn(work(source.build()?, name, service, stop));
                }
                Queue::Kafka {
                    config,
                    topic,
                    group,
                } => {
                    let source = KafkaSource::new(config.clone(), topic, group)?;
                    workers.spawn(work(source, name, service, stop));
                }
                Queue::Amqp { url, queue } => {
                    let source = AmqpSource::new(url, queue)?;
                    workers.spawn(work(source, name, service, stop));
                }
            }
        }
        Ok(())
    }
}

impl Queue {
    fn name(&self) -> &'static str {
        match self {
            Self::Sqs { .. } => "sqs",
            Self::Kafka { .. } => "kafka",
            Self::Amqp { .. } => "amqp",
        }
    }
}

/// The handler runs in a span of its own, with the context and the baggage of its message.
async fn work<S: Source>(
    source: S,
    name: &'static str,
    service: Service,
    stop: CancellationToken,
) -> Result<()> {
    let edge: Arc<str> = format!("queue:{name}").into();
    let handler = move |incoming: Incoming| {
        let (service, edge) = (service.clone(), Arc::clone(&edge));
        async move {
            let handled = service.handle(&edge, incoming.body()).await;
            handled.map_err(Failure::new)
        }
    };
    let worker = Worker::new(source, handler);
    worker.run_until(stop.cancelled()).await?;
    Ok(())
}

/// The ways to the queues.
pub(crate) struct Sinks(BTreeMap<&'static str, Way>);

enum Way {
    Sqs(SqsSink),
    Kafka(KafkaSink),
    Amqp(Box<AmqpSink>),
}

impl Sinks {
    /// Sends a message to the queue of that name, with the context that is current.
    pub(crate) async fn send(&self, name: &str, body: String) -> Result<()> {
        let way = self.0.get(name).ok_or(format!("no queue:{name}"))?;
        let message = Message::new(body);
        match way {
            Way::Sqs(sink) => sink.send(message).await?,
            Way::Kafka(sink) => sink.send(message).await?,
            Way::Amqp(sink) => sink.send(message).await?,
        };
        Ok(())
    }
}
