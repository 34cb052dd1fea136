use std::fmt::Display;
use std::future::Future;

use aws_sdk_sqs::types::Message;
use opentelemetry::Context;
use opentelemetry::propagation::Extractor as _;
use tracehop_sqs::HeaderExtractor;

use super::{SqsQueue, receive};
use crate::telemetry::{self, PREVIOUS, ProcessSpan, ProcessStart, Propagator, Scope};

/// Tracing for a consumer loop of one's own, on the messages that the AWS client received.
///
/// The messages must have been received through a client with a
/// [`TraceInterceptor`](super::TraceInterceptor), or with the attributes asked for that carry
/// context.
pub trait MessageExt {
    /// Runs `handler` in a `process {queue}` span around exactly the handling of this message.
    ///
    /// The span links to the message's creation context. If a local span is current where the
    /// future is first polled, that is its parent; else
    /// [`Correlation`](crate::telemetry::Correlation) decides. The process context is current in
    /// the handler, with the message's baggage as its own; spans and sends in it belong to the
    /// message, and a delete in it links to the message. A dead letter also links to the last
    /// attempt, where it carries that.
    ///
    /// An error stands on the span and is handed on; so is a panic. Dropping the future ends the
    /// span as `cancelled`. Nothing is settled.
    ///
    /// # Errors
    /// The handler's own.
    fn process<F, T, E>(&self, queue: &SqsQueue, handler: F) -> impl Future<Output = Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        E: Display;

    /// The context that the message brings, read by the global propagator: the remote span
    /// context and the baggage, and nothing of what is current.
    /// [`SqsQueue::extract_context`] reads by the queue's own, and in envelopes where that is on.
    fn extract_context(&self) -> Context;
}

impl MessageExt for Message {
    async fn process<F, T, E>(&self, queue: &SqsQueue, handler: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        start(queue, self).run(handler).await
    }

    fn extract_context(&self) -> Context {
        let propagator = Propagator::global();
        let carrier = HeaderExtractor::from(self);
        let extracted = carrier.extract_with(&propagator, |carrier| propagator.extract(carrier));
        extracted.context
    }
}

/// What the message carried was counted when it was received, and is not counted again.
fn start(queue: &SqsQueue, message: &Message) -> ProcessSpan {
    let carrier = HeaderExtractor::from(message);
    queue.telemetry().process(&ProcessStart {
        destination: queue.destination(),
        creation: &queue.extract_context(message),
        attempt: receive::attempt(message),
        previous: carrier.get(PREVIOUS).and_then(telemetry::previous),
        facts: receive::facts(message, &carrier),
        scope: Scope::Caller(&Context::current()),
    })
}
