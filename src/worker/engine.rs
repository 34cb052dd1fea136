use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::SpanContext;
use tokio::task::coop::consume_budget;

use super::dead_letter::DeadLetter;
use super::handle::{Stage, Status};
use super::settlement::{Ended, Retrying, Stopped};
use super::work::{Few, Handled, Rules, Spanned, Work, Worked};
use super::{Gate, Incoming};
use crate::contract::{Delivery, Settled, Settlement, Source};
use crate::telemetry::{OperationError, ProcessSpan, Processed};

/// What takes deliveries from the hand-over to their settlement. The tasks of a worker share it.
#[derive(Debug)]
pub(super) struct Engine<S, W> {
    pub(super) source: Arc<S>,
    pub(super) work: W,
    pub(super) rules: Rules,
    pub(super) retrying: Retrying,
    pub(super) on_reject: DeadLetter,
    pub(super) gate: Gate,
    pub(super) status: Arc<Status>,
}

/// What was decided for a delivery.
#[derive(Debug)]
struct Decision {
    /// As telemetry tells it.
    told: Settlement,
    /// As the source is told: a dead letter that was published is acked.
    settle: Settlement,
}

impl Decision {
    fn plain(settlement: Settlement) -> Self {
        Self {
            told: settlement.clone(),
            settle: settlement,
        }
    }
}

impl<S: Source, W: Work> Engine<S, W> {
    /// Handles and settles deliveries that were taken together, and then, where single ones are
    /// handled, what else has come by then: under load no task is started for each message.
    pub(super) async fn attend(&self, mut deliveries: Few<Delivery<S::Receipt>>) {
        // A slot that goes on has as many in hand as before: it is then always one.
        let _in_hand = self.status.in_hand(deliveries.len());
        loop {
            // Others of this thread have their turn too, where neither source nor handler ever waits.
            consume_budget().await;
            let _counted: Vec<_> = deliveries
                .iter()
                .filter_map(|delivery| self.rules.instrumentation.in_flight(&delivery.destination))
                .collect();
            let (handed, receipts): (Few<_>, Few<_>) = deliveries
                .into_iter()
                .map(|delivery| delivery.with_receipt(()))
                .unzip();
            let worked = self.work.work(handed, &self.rules).await;
            match self.settle(receipts, worked).await {
                Some(next) => deliveries = Few::from([next]),
                None => return,
            }
        }
    }

    /// Settles what was handled together. The answer is what the slot goes on with, if anything.
    async fn settle(
        &self,
        receipts: Few<S::Receipt>,
        Worked { handled, batch }: Worked,
    ) -> Option<Delivery<S::Receipt>> {
        let mut stopped = Stopped::default();
        let mut failures = Vec::new();
        let mut again = Vec::new();
        let mut next = None;
        for (receipt, mut handled) in receipts.into_iter().zip(handled) {
            if batch.is_some() {
                failures.extend(error(&handled).map(|error| error.error_type().to_owned()));
            }
            let lane = handled.incoming.lane();
            let behind = stopped.behind(lane);
            let decision = self.decide(&handled, behind, batch.as_ref()).await;
            stopped.note(lane, decision.as_ref().map(|decision| &decision.settle));
            match decision {
                Some(decision) if comes_back(&decision.settle) => {
                    again.push((receipt, handled, decision));
                }
                decision => {
                    let batch = batch.as_ref();
                    next = self.finish(receipt, &mut handled, decision, batch).await;
                }
            }
        }
        // Last first, so that a broker that takes them back one by one has each in its place.
        for (receipt, mut handled, decision) in again.into_iter().rev() {
            let (decision, batch) = (Some(decision), batch.as_ref());
            next = self.finish(receipt, &mut handled, decision, batch).await;
        }
        if let Some(batch) = batch {
            batch.end(&Processed {
                error: OperationError::shared(failures.iter().map(String::as_str)),
                failed_count: failures.len(),
                ..Processed::default()
            });
        }
        next
    }

    /// Whether a slot takes its next delivery itself; what is to be handled together is for the
    /// receiving loop to put together.
    fn goes_on(&self) -> bool {
        let single = self.work.most() == 1 && !self.work.together();
        single && self.status.stage() == Stage::Running && self.gate.is_open()
    }

    /// What becomes of a delivery, where it does not go `behind` another of its lane; `None` where
    /// the lease is lost and nothing is settled.
    async fn decide(
        &self,
        handled: &Handled,
        behind: Option<Settlement>,
        batch: Option<&ProcessSpan>,
    ) -> Option<Decision> {
        let incoming = &handled.incoming;
        if incoming.lease().is_lost() {
            return None;
        }
        // What was not begun is no attempt, whatever stands before it.
        if let Some(settlement) = behind.filter(|_| !matches!(handled.ended, Ended::Unseen)) {
            return Some(Decision::plain(settlement));
        }
        let settlement = self
            .retrying
            .settlement(&handled.ended, incoming.attempt())?;
        let Settlement::Reject { reason } = &settlement else {
            return Some(Decision::plain(settlement));
        };
        match &self.on_reject {
            DeadLetter::Broker => return Some(Decision::plain(settlement)),
            DeadLetter::Discard => {}
            DeadLetter::To(sink) => {
                let span = handled.span(batch);
                let process = span.map_or_else(Context::new, |span| span.context().clone());
                let published = tokio::select! {
                    biased;
                    published = sink.publish(incoming, reason, &process) => published,
                    () = self.rules.abort.cancelled() => return Some(self.not_rejected(incoming)),
                };
                if let Err(error) = published {
                    tracing::warn!(%error, "a dead letter could not be published, its message comes again");
                    return Some(self.not_rejected(incoming));
                }
            }
        }
        Some(Decision {
            told: settlement,
            settle: Settlement::Ack,
        })
    }

    fn not_rejected(&self, incoming: &Incoming) -> Decision {
        Decision::plain(self.retrying.instead_of_reject(incoming.attempt()))
    }

    /// Settles a delivery as decided, counts it, and ends its span; takes the next one with it where
    /// the slot goes on.
    async fn finish(
        &self,
        receipt: S::Receipt,
        handled: &mut Handled,
        decision: Option<Decision>,
        batch: Option<&ProcessSpan>,
    ) -> Option<Delivery<S::Receipt>> {
        if matches!(handled.ended, Ended::Aborted) {
            self.status.aborted.fetch_add(1, Ordering::Relaxed);
        }
        let (told, settled, next) = match decision {
            None => {
                drop(receipt);
                (None, Ok(Settled::LeaseLost), None)
            }
            Some(Decision { told, settle }) => {
                // A source that sends it on, to its dead letters or to be tried again, has its lineage
                // to tell.
                let span = handled.span(batch);
                let sent_on = matches!(settle, Settlement::Reject { .. } | Settlement::Nack { .. });
                let process = span.filter(|_| sent_on);
                let source = &self.source;
                let (settled, next) = match process {
                    Some(span) => {
                        let settling = source.settle(receipt, settle);
                        (settling.with_context(span.context().clone()).await, None)
                    }
                    None if self.goes_on() => match source.exchange(receipt, settle).await {
                        Ok((settled, next)) => (Ok(settled), next),
                        Err(error) => (Err(error), None),
                    },
                    None => (source.settle(receipt, settle).await, None),
                };
                (Some(told), settled, next)
            }
        };
        if let Some(next) = &next {
            self.status.received(next.received_at);
        }
        let destination = handled.incoming.destination();
        let mut processed = Processed {
            error: error(handled),
            ..Processed::default()
        };
        match &settled {
            Ok(Settled::Done | Settled::Recorded) => {
                if let Some(told) = &told {
                    self.rules.instrumentation.settled(destination, told);
                }
                processed.settlement = told.as_ref();
            }
            Ok(Settled::LeaseLost) => {
                self.status.lost_leases.fetch_add(1, Ordering::Relaxed);
                self.rules.instrumentation.lease_lost(destination);
                processed.lease_lost = true;
                processed
                    .error
                    .get_or_insert_with(OperationError::lease_lost);
            }
            Err(error) => {
                self.status.failed_settles.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "a delivery was not settled, its message comes again");
                processed.error.get_or_insert_with(|| error.into());
            }
        }
        let comes_again = !matches!(
            processed.settlement,
            Some(Settlement::Ack | Settlement::Reject { .. })
        );
        self.keep(handled, comes_again, batch);
        if let Spanned::Open(span) = std::mem::replace(&mut handled.span, Spanned::None) {
            span.end(&processed);
        }
        next
    }

    /// Keeps the span of an attempt for the next one to link to, where there will be a next one.
    fn keep(&self, handled: &Handled, comes_again: bool, batch: Option<&ProcessSpan>) {
        let incoming = &handled.incoming;
        let retries = &self.rules.retries;
        if comes_again {
            let span: Option<SpanContext> = match &handled.span {
                Spanned::Ended(span) => Some(span.clone()),
                _ => handled.span(batch).and_then(ProcessSpan::span_context),
            };
            if let Some(span) = span {
                retries.remember(incoming.destination(), incoming.id(), span);
            }
        } else if incoming.attempt() > 1 {
            retries.forget(incoming.destination(), incoming.id());
        }
    }
}

fn comes_back(settlement: &Settlement) -> bool {
    matches!(settlement, Settlement::Nack { .. } | Settlement::Release)
}

fn error(handled: &Handled) -> Option<OperationError<'static>> {
    match &handled.ended {
        Ended::Returned(Ok(())) | Ended::Unseen => None,
        Ended::Returned(Err(failure)) => Some(OperationError::new(
            failure.error_type().to_owned(),
            failure.to_string(),
        )),
        Ended::LeaseLost => Some(OperationError::lease_lost()),
        Ended::Aborted => Some(OperationError::cancelled()),
    }
}
