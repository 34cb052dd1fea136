use std::fmt::Display;
use std::future::Future;

use opentelemetry::Context;
use opentelemetry::propagation::Extractor as _;
use rdkafka::message::Message;
use tracehop_kafka::HeaderExtractor;

use super::{KafkaCluster, received};
use crate::telemetry::{PREVIOUS, ProcessSpan, ProcessStart, Propagator, previous};

/// Tracing for a consumer loop of one's own, on the records that `rdkafka` consumed: borrowed ones,
/// and owned ones that are handled elsewhere.
pub trait MessageExt {
    /// Runs `handler` in a `process {topic}` span around exactly the handling of this record.
    ///
    /// The span links to the record's creation context. If a local span is current where the
    /// future is first polled, that is its parent; else
    /// [`Correlation`](crate::telemetry::Correlation) decides. The process context is current in
    /// the handler, with the record's baggage as its own; spans and sends in it belong to the
    /// record, and a commit in it links to the record. A dead letter also links to the last
    /// attempt, where it carries that.
    ///
    /// An error stands on the span and is handed on; so is a panic. Dropping the future ends the
    /// span as `cancelled`. Nothing is committed.
    ///
    /// # Errors
    /// The handler's own.
    fn process<F, T, E>(
        &self,
        cluster: &KafkaCluster,
        handler: F,
    ) -> impl Future<Output = Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        E: Display;

    /// The context that the record brings, read by the global propagator: the remote span context
    /// and the baggage, and nothing of what is current.
    fn extract_context(&self) -> Context;
}

impl<M> MessageExt for M
where
    M: Message,
    for<'m> HeaderExtractor<'m>: From<&'m M>,
{
    async fn process<F, T, E>(&self, cluster: &KafkaCluster, handler: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        start(cluster, self).run(handler).await
    }

    fn extract_context(&self) -> Context {
        Propagator::global()
            .extract(&HeaderExtractor::from(self))
            .context
    }
}

/// What the record carried was counted when it was polled, and is not counted again.
fn start<M>(cluster: &KafkaCluster, message: &M) -> ProcessSpan
where
    M: Message,
    for<'m> HeaderExtractor<'m>: From<&'m M>,
{
    let carrier = HeaderExtractor::from(message);
    let telemetry = cluster.telemetry();
    let destination = cluster.topic(message.topic());
    let current = Context::current();
    let (creation, scope) = telemetry.creation_within(&destination, &carrier, &current);
    telemetry.process(&ProcessStart {
        destination: &destination,
        creation: &creation,
        // A record says nothing of the attempts before.
        attempt: 1,
        previous: carrier.get(PREVIOUS).and_then(previous),
        facts: received::facts(message, &carrier),
        scope,
    })
}
