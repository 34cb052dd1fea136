use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opentelemetry::Context;

use super::Incoming;
use crate::contract::{Message, Result, Sink};
use crate::telemetry::{FreshLineage, Lineage};

/// What becomes of a message that will never succeed: one that its handler rejected, or that
/// failed at its last attempt.
#[derive(Clone, Debug, Default)]
pub enum DeadLetter {
    /// What the broker does by itself. SQS: a copy goes to the target of the queue's redrive policy,
    /// and without one the message is left to expire. Kafka: the lane stops, and the source is
    /// unready.
    /// RabbitMQ: the queue's dead-letter exchange, else it is dropped, of which a warning tells.
    /// In memory: the queue's dead-letter queue, else it is put aside.
    #[default]
    Broker,
    /// It is published to a sink with its lineage in headers (`tracehop-origin`, `-attempt`,
    /// `-error`, `-previous`), and acked once the sink's broker has it. While that fails, the
    /// message comes again. See [`to`](Self::to).
    To(DeadLetterSink),
    /// It is acked, and gone.
    Discard,
}

impl DeadLetter {
    /// Dead letters go to that sink, under the original message id as the deduplication id.
    pub fn to(sink: impl Sink) -> Self {
        Self::To(DeadLetterSink(Arc::new(sink)))
    }
}

/// Any [`Sink`], as the place for dead letters.
#[derive(Clone)]
pub struct DeadLetterSink(Arc<dyn Publish>);

impl DeadLetterSink {
    /// Publishes a dead letter under the process span of its last attempt, and waits until the
    /// broker has it.
    pub(super) async fn publish(
        &self,
        incoming: &Incoming,
        reason: &str,
        process: &Context,
    ) -> Result<()> {
        let letter = letter(incoming, reason, process);
        let parent = process.with_value(FreshLineage);
        self.0.publish(letter, &parent).await
    }
}

impl fmt::Debug for DeadLetterSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeadLetterSink({})", self.0.describe())
    }
}

/// A sink of any type.
trait Publish: Send + Sync {
    fn publish<'a>(&'a self, message: Message, parent: &'a Context) -> BoxFuture<'a, Result<()>>;
    fn describe(&self) -> String;
}

impl<S: Sink> Publish for S {
    fn publish<'a>(&'a self, message: Message, parent: &'a Context) -> BoxFuture<'a, Result<()>> {
        enqueued(self, message, parent).boxed()
    }

    fn describe(&self) -> String {
        self.destination().to_string()
    }
}

async fn enqueued<S: Sink>(sink: &S, message: Message, parent: &Context) -> Result<()> {
    sink.enqueue(message, parent).await?.await.map(drop)
}

fn letter(incoming: &Incoming, reason: &str, process: &Context) -> Message {
    let mut letter = Message::clone(incoming);
    let lineage = Lineage {
        origin: incoming.destination(),
        attributes: incoming.attributes(),
        attempt: incoming.attempt(),
        error: reason,
        process,
    };
    for (name, value) in lineage.headers() {
        match value {
            Some(value) => letter.headers.set(name, value),
            None => drop(letter.headers.remove(name)),
        }
    }
    letter.dedup_id = incoming.id().map(|id| id.to_owned().into());
    // A dead letter waits to be looked at: neither later nor only for so long.
    letter.properties.delay = None;
    letter.properties.expiration = None;
    letter
}
