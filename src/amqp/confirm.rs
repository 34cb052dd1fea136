use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use lapin::message::BasicReturnMessage;
use lapin::{Confirmation, ErrorKind, PublisherConfirm};

use super::error::{operation_error, reply_name};
use crate::telemetry::{OperationError, Outcome, SendSpan};

/// The broker's confirm of one message, as [`PublisherConfirm`] awaits it. It ends the span of the
/// publish.
///
/// Dropped before it was polled, it is left to
/// [`wait_for_confirms`](super::TracedChannel::wait_for_confirms), as lapin's own; the span then
/// ends there, or at a later publish on the channel, with what the broker has said. Dropped while
/// it is awaited, it ends the span as `cancelled`.
///
/// A message that came back is handed over with the next confirm of its channel (lapin 4), which may
/// be another's where several are in flight; the span says what the confirm does. An
/// [`AmqpSink`](super::AmqpSink) tells them apart.
#[must_use = "a publish is not safe before its confirm"]
pub struct TracedConfirm {
    /// `None` once it has answered.
    confirm: Option<PublisherConfirm>,
    span: Option<Box<SendSpan>>,
    awaited: bool,
    unawaited: Arc<Unawaited>,
}

impl TracedConfirm {
    /// What a publish answers. Its span ends here where it failed, and on a channel without
    /// `confirms`.
    pub(super) fn of(
        answer: lapin::Result<PublisherConfirm>,
        span: Option<Box<SendSpan>>,
        confirms: bool,
        unawaited: &Arc<Unawaited>,
    ) -> lapin::Result<Self> {
        let waiting = match (&answer, span) {
            (Ok(_), Some(span)) if confirms => Some(span),
            (answer, Some(span)) => {
                span.end(&Outcome::of(answer.as_ref().map_err(operation_error)));
                None
            }
            (_, None) => None,
        };
        Ok(Self {
            confirm: Some(answer?),
            span: waiting,
            awaited: false,
            unawaited: Arc::clone(unawaited),
        })
    }
}

impl Future for TracedConfirm {
    type Output = lapin::Result<Confirmation>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.awaited = true;
        let Some(confirm) = &mut this.confirm else {
            return Poll::Ready(Err(ErrorKind::FutureCompleted.into()));
        };
        let answer = Pin::new(confirm).poll(cx);
        if let Poll::Ready(answer) = &answer {
            this.confirm = None;
            if let Some(span) = this.span.take() {
                end(*span, answer);
            }
        }
        answer
    }
}

impl Drop for TracedConfirm {
    fn drop(&mut self) {
        if !self.awaited
            && let (Some(confirm), Some(span)) = (self.confirm.take(), self.span.take())
        {
            self.unawaited.keep(confirm, span);
        }
    }
}

impl fmt::Debug for TracedConfirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedConfirm").finish_non_exhaustive()
    }
}

/// The confirms of one channel that nobody awaits, in the order in which they were dropped.
#[derive(Debug, Default)]
pub(super) struct Unawaited(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    confirms: VecDeque<(PublisherConfirm, Box<SendSpan>)>,
    /// Messages that came back, kept for whoever asks, as lapin keeps them.
    returned: Vec<BasicReturnMessage>,
}

impl Unawaited {
    /// Ends the spans of those at the front that have been confirmed by now, so that a channel on
    /// which nobody ever asks does not gather them.
    pub(super) fn sweep(&self) {
        while let Some((span, answer)) = self.pop_answered() {
            self.end(*span, answer).ok();
        }
    }

    /// Waits for all of them, and answers the messages that came back.
    pub(super) async fn wait(&self) -> lapin::Result<Vec<BasicReturnMessage>> {
        let mut outcome = Ok(());
        loop {
            let next = self.kept().confirms.pop_front();
            let Some((confirm, span)) = next else { break };
            let ended = self.end(*span, confirm.await);
            outcome = outcome.and(ended);
        }
        outcome.map(|()| mem::take(&mut self.kept().returned))
    }

    fn end(&self, span: SendSpan, answer: lapin::Result<Confirmation>) -> lapin::Result<()> {
        end(span, &answer);
        self.kept().returned.extend(answer?.take_message());
        Ok(())
    }

    fn pop_answered(&self) -> Option<(Box<SendSpan>, lapin::Result<Confirmation>)> {
        let mut kept = self.kept();
        let mut cx = TaskContext::from_waker(Waker::noop());
        let (confirm, _) = kept.confirms.front_mut()?;
        let Poll::Ready(answer) = Pin::new(confirm).poll(&mut cx) else {
            return None;
        };
        let (_, span) = kept.confirms.pop_front()?;
        Some((span, answer))
    }

    fn keep(&self, confirm: PublisherConfirm, span: Box<SendSpan>) {
        self.kept().confirms.push_back((confirm, span));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(span: SendSpan, answer: &lapin::Result<Confirmation>) {
    span.end(&Outcome::of(outcome(answer)));
}

fn outcome(answer: &lapin::Result<Confirmation>) -> Result<(), OperationError<'static>> {
    match answer {
        Ok(Confirmation::Ack(None) | Confirmation::NotRequested) => Ok(()),
        Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
            let code = reply_name(returned.reply_code);
            Err(OperationError::new(code, "the broker returned the message"))
        }
        Ok(Confirmation::Nack(None)) => Err(OperationError::new(
            "nack",
            "the broker refused the message",
        )),
        Err(error) => Err(operation_error(error)),
    }
}
