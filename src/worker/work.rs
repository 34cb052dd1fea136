use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::SpanContext;
use smallvec::SmallVec;
use tokio_util::sync::CancellationToken;

use super::retries::Retries;
use super::settlement::Ended;
use super::{Failure, Handler, Incoming, LostLease};
use crate::contract::Delivery;
use crate::telemetry::{Instrumentation, MessageFacts, ProcessSpan, ProcessStart, Scope};

/// What is taken or handled together, which is mostly one: that allocates nothing.
pub(crate) type Few<T> = SmallVec<[T; 1]>;

/// What a worker runs: every [`Handler`] is work, and so are a batch handler in
/// [`Batches`](super::Batches) and a [`Relay`](crate::relay::Relay).
///
/// It is this crate's to implement.
pub trait Work: sealed::Sealed + Send + Sync + 'static {
    /// How many deliveries are taken at a time, at most.
    #[doc(hidden)]
    fn most(&self) -> usize {
        1
    }

    /// Whether deliveries of several lanes, and those of none, are taken together too: a batch,
    /// which has one slot. Otherwise each run of a lane is on its own, with a slot a delivery.
    #[doc(hidden)]
    fn together(&self) -> bool {
        false
    }

    /// How long further deliveries are waited for after the first.
    #[doc(hidden)]
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    /// Handles deliveries that were taken together, at least one; those of one lane stand
    /// together, in order. Answers one answer a delivery, in order.
    #[doc(hidden)]
    fn work(
        &self,
        deliveries: Few<Delivery<()>>,
        rules: &Rules,
    ) -> impl Future<Output = Worked> + Send;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What came of deliveries that were handled together.
#[derive(Debug)]
pub struct Worked {
    pub(crate) handled: Few<Handled>,
    /// The span of them all, where there is one.
    pub(crate) batch: Option<ProcessSpan>,
}

/// What came of one delivery. Its span ends when it is settled.
#[derive(Debug)]
pub(crate) struct Handled {
    pub(crate) incoming: Incoming,
    pub(crate) ended: Ended,
    pub(crate) span: Spanned,
}

/// The process span that a delivery has for itself.
#[derive(Debug)]
pub(crate) enum Spanned {
    /// It ends when the delivery is settled.
    Open(ProcessSpan),
    /// It is over already.
    Ended(SpanContext),
    /// It has none, or that of a batch.
    None,
}

impl Handled {
    /// The span that is open: its own, or that of the batch.
    pub(crate) fn span<'a>(&'a self, batch: Option<&'a ProcessSpan>) -> Option<&'a ProcessSpan> {
        match &self.span {
            Spanned::Open(span) => Some(span),
            Spanned::Ended(_) | Spanned::None => batch,
        }
    }
}

/// What every kind of work goes by.
#[derive(Debug)]
pub struct Rules {
    pub(crate) instrumentation: Instrumentation,
    pub(crate) timeout: Option<Duration>,
    pub(crate) lost_lease: LostLease,
    /// The end of the drain time.
    pub(crate) abort: CancellationToken,
    pub(crate) retries: Retries,
}

impl Rules {
    /// Starts the process span of a delivery.
    pub(crate) fn begin(&self, delivery: Delivery<()>) -> (Incoming, ProcessSpan) {
        let span = self.instrumentation.process(&ProcessStart {
            destination: &delivery.destination,
            creation: &delivery.context,
            attempt: delivery.attempt,
            previous: self.retries.previous(&delivery),
            facts: MessageFacts::of(&delivery.message, &delivery.attributes),
            scope: Scope::Worker,
        });
        (Incoming::new(delivery, span.shared_trace()), span)
    }

    /// Runs a handler until it returns, panics, or has to go: because of its timeout, because
    /// `lost` says that its leases are lost, or because the drain time is over.
    pub(crate) async fn run(
        &self,
        handler: impl Future<Output = Result<(), Failure>>,
        lost: impl Future<Output = ()>,
    ) -> Ended {
        // Unwind safe: of what the handler shares with others the worker reads nothing.
        let caught = AssertUnwindSafe(handler).catch_unwind();
        let returned = async {
            match self.timeout {
                None => unwound(caught.await),
                Some(time) => match tokio::time::timeout(time, caught).await {
                    Ok(result) => unwound(result),
                    Err(_) => Err(Failure::timed_out(time)),
                },
            }
        };
        tokio::select! {
            biased;
            result = returned => Ended::Returned(result),
            () = lost, if self.lost_lease == LostLease::Cancel => Ended::LeaseLost,
            () = self.abort.cancelled() => Ended::Aborted,
        }
    }
}

impl<H: Handler> sealed::Sealed for H {}

impl<H: Handler> Work for H {
    async fn work(&self, deliveries: Few<Delivery<()>>, rules: &Rules) -> Worked {
        let mut handled = Few::with_capacity(deliveries.len());
        for delivery in deliveries {
            let (incoming, span) = rules.begin(delivery);
            let copy = incoming.clone();
            // Lazy, so that the handler's own call runs in the context too, and may panic. Pinned,
            // because a future that others take by value lies in each of them.
            let handling = async move { self.handle(copy).await };
            let handling = pin!(handling.with_context(span.context().clone()));
            let ended = rules.run(handling, incoming.lease().lost()).await;
            handled.push(Handled {
                incoming,
                ended,
                span: Spanned::Open(span),
            });
        }
        Worked {
            handled,
            batch: None,
        }
    }
}

fn unwound(
    caught: Result<Result<(), Failure>, Box<dyn std::any::Any + Send>>,
) -> Result<(), Failure> {
    caught.unwrap_or_else(|payload| Err(Failure::panicked(&*payload)))
}
