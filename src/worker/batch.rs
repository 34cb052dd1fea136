use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::SpanContext;

use super::settlement::Ended;
use super::work::{Few, Handled, Rules, Spanned, Work, Worked, sealed};
use super::{BatchHandler, Failure, Incoming};
use crate::contract::{Delivery, Lease};
use crate::telemetry::{
    Instrumentation, MessageFacts, MessageLink, OperationError, ProcessStart, Processed, Scope,
};

/// The work of a [`BatchHandler`]: how many messages it takes at a time.
///
/// ```
/// use std::time::Duration;
/// use tracehop::memory::MemoryBroker;
/// use tracehop::worker::{Batch, Batches, Failure, Worker};
///
/// async fn store(batch: Batch) -> Result<(), Failure> {
///     for item in &batch {
///         if item.body().is_empty() {
///             item.fail(Failure::reject("an empty order"));
///         }
///     }
///     Ok(())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let batches = Batches::of(25, store).linger(Duration::from_millis(100));
/// let worker = Worker::new(MemoryBroker::new().source("orders"), batches);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Batches<B> {
    inner: B,
    most: usize,
    linger: Duration,
}

impl<B: BatchHandler> Batches<B> {
    /// Batches of up to `most` messages, at least 1. Those of one lane come in one contiguous run.
    pub fn of(most: usize, inner: B) -> Self {
        Self {
            inner,
            most: most.max(1),
            linger: Duration::ZERO,
        }
    }

    /// How long to wait for a batch to fill up after its first messages. Default: not at all, a
    /// batch is what waits already.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }
}

/// Messages that are handled together. It derefs to its items.
#[derive(Debug)]
pub struct Batch(Vec<BatchItem>);

impl Deref for Batch {
    type Target = [BatchItem];

    fn deref(&self) -> &[BatchItem] {
        &self.0
    }
}

impl IntoIterator for Batch {
    type Item = BatchItem;
    type IntoIter = std::vec::IntoIter<BatchItem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a BatchItem;
    type IntoIter = std::slice::Iter<'a, BatchItem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One message of a [`Batch`]. It derefs to the [`Incoming`], whose trace is that of the batch.
///
/// Clones are the same item. The last verdict counts. In a lane, what stands behind a message that
/// comes again comes again with it, whatever its own verdict, so that order is kept.
#[derive(Clone)]
pub struct BatchItem {
    incoming: Incoming,
    previous: Option<SpanContext>,
    instrumentation: Instrumentation,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    verdict: Option<Result<(), Failure>>,
    span: Option<SpanContext>,
}

impl BatchItem {
    /// It was handled, whatever the batch handler returns.
    pub fn ack(&self) {
        self.set(Ok(()));
    }

    /// It failed, whatever the batch handler returns.
    pub fn fail(&self, failure: impl Into<Failure>) {
        self.set(Err(failure.into()));
    }

    /// Runs what handles this message in a process span of its own, a child of the batch's, and
    /// takes its result for the verdict. Answers whether it succeeded.
    ///
    /// Cancel-safe as far as the future is: dropped, it ends the span and leaves the verdict as it
    /// was.
    pub async fn process(&self, handling: impl Future<Output = Result<(), Failure>>) -> bool {
        let incoming = &self.incoming;
        let span = self.instrumentation.process(&ProcessStart {
            destination: incoming.destination(),
            creation: incoming.creation_context(),
            attempt: incoming.attempt(),
            previous: self.previous.clone(),
            facts: MessageFacts::of(incoming, incoming.attributes()),
            scope: Scope::Batch(&Context::current()),
        });
        self.state().span = span.span_context();
        let result = handling.with_context(span.context().clone()).await;
        let error = result.as_ref().err().map(Failure::to_string);
        span.end(&Processed {
            error: result
                .as_ref()
                .err()
                .zip(error.as_deref())
                .map(|(failure, text)| OperationError::new(failure.error_type(), text)),
            ..Processed::default()
        });
        let succeeded = result.is_ok();
        self.set(result);
        succeeded
    }

    fn set(&self, verdict: Result<(), Failure>) {
        self.state().verdict = Some(verdict);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for BatchItem {
    type Target = Incoming;

    fn deref(&self) -> &Incoming {
        &self.incoming
    }
}

impl fmt::Debug for BatchItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchItem")
            .field("incoming", &self.incoming)
            .field("verdict", &self.state().verdict)
            .finish_non_exhaustive()
    }
}

impl<B: BatchHandler> sealed::Sealed for Batches<B> {}

impl<B: BatchHandler> Work for Batches<B> {
    fn most(&self) -> usize {
        self.most
    }

    fn together(&self) -> bool {
        true
    }

    fn linger(&self) -> Duration {
        self.linger
    }

    async fn work(&self, deliveries: Few<Delivery<()>>, rules: &Rules) -> Worked {
        let span = {
            let links: Vec<MessageLink<'_>> = deliveries.iter().map(link).collect();
            let destination = &deliveries[0].destination;
            rules
                .instrumentation
                .process_batch(destination, Scope::Worker, &links)
        };
        let trace = span.shared_trace();
        let items: Vec<BatchItem> = deliveries
            .into_iter()
            .map(|delivery| BatchItem {
                previous: rules.retries.previous(&delivery),
                incoming: Incoming::new(delivery, trace.clone()),
                instrumentation: rules.instrumentation.clone(),
                state: Arc::default(),
            })
            .collect();
        let batch = Batch(items.clone());
        let handling = async move { self.inner.handle_batch(batch).await }
            .with_context(span.context().clone());
        // One lost lease of many is no reason to stop: that message alone is not settled.
        let leases: Vec<_> = items.iter().map(|item| item.lease().clone()).collect();
        let all_lost = async { drop(join_all(leases.iter().map(Lease::lost)).await) };
        let ended = rules.run(handling, all_lost).await;
        Worked {
            handled: items
                .into_iter()
                .map(|item| handled(item, &ended))
                .collect(),
            batch: Some(span),
        }
    }
}

fn link(delivery: &Delivery<()>) -> MessageLink<'_> {
    MessageLink {
        creation: &delivery.context,
        facts: MessageFacts::of(&delivery.message, &delivery.attributes),
    }
}

fn handled(item: BatchItem, whole: &Ended) -> Handled {
    let state = std::mem::take(&mut *item.state());
    Handled {
        incoming: item.incoming,
        ended: Ended::of(state.verdict, whole),
        span: state.span.map_or(Spanned::None, Spanned::Ended),
    }
}
