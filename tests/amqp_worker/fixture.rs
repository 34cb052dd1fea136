use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use lapin::{Channel, Connection};
use tracehop::amqp::{AmqpSink, AmqpSource};
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Features, Fixture, QueueKind};

use crate::common::proxy::Proxy;
use crate::common::{self, queues};

/// A RabbitMQ with queues of one type.
pub(crate) struct Rabbit {
    url: String,
    kind: &'static str,
    channel: Channel,
    recorder: Recorder,
    /// What each queue's sources are connected through.
    wires: Mutex<HashMap<String, Proxy>>,
    /// Closed when it is dropped.
    _connection: Connection,
}

impl Rabbit {
    /// None where there is no broker.
    pub(crate) async fn with(kind: &'static str) -> Option<Self> {
        let url = common::rabbitmq()?;
        let (channel, connection) = queues::channel(&url).await;
        Some(Self {
            url,
            kind,
            channel,
            recorder: Recorder::new(),
            wires: Mutex::default(),
            _connection: connection,
        })
    }
}

impl Fixture for Rabbit {
    type Source = AmqpSource;
    type Sink = AmqpSink;

    async fn make_queue(&self, _kind: QueueKind) -> String {
        let name = common::unique("worker");
        let declared = queues::declare(&self.channel, &name, queues::of_type(self.kind));
        declared.await.unwrap();
        let wire = Proxy::to(&self.url).await;
        self.wires.lock().unwrap().insert(name.clone(), wire);
        name
    }

    fn source(&self, queue: &str) -> AmqpSource {
        let url = self.wires.lock().unwrap()[queue].url(&self.url);
        let source = AmqpSource::builder(url, queue).instrumentation(self.instrumentation());
        source.build().unwrap()
    }

    fn sink(&self, queue: &str) -> AmqpSink {
        let sink = AmqpSink::builder(self.url.as_str(), "").routing_key(queue);
        let sink = sink.instrumentation(self.instrumentation());
        sink.build().unwrap()
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn features(&self) -> Features {
        Features {
            lanes: false,
            order_through_failures: false,
            enqueue_times: false,
            null_payloads: false,
            repeated_headers: false,
            any_header_name: false,
            ..Features::ALL
        }
    }

    fn redelivery(&self) -> Duration {
        Duration::from_secs(2)
    }

    /// With the connection all leases of the queue's workers are gone.
    async fn revoke(&self, queue: &str, _message_id: &str) {
        self.wires.lock().unwrap()[queue].cut();
    }
}
