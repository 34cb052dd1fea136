use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::message::Delivery;
use lapin::{Connection, Consumer};
use tokio::time::Instant;

use super::delivery::Reader;
use super::retry::{Retry, RetryQueues};
use super::session::{Dialer, Session};
use super::settle;
use super::state::State;
use crate::amqp::failure::{failure, timeout};
use crate::contract::{Error, ErrorKind, Knowledge as _, Operation, Shared};

/// As many deliveries as are read in one go, before settlements have their turn.
const BURST: usize = 64;

/// Keeps a channel open, reads what it brings, and gets settlements to the broker: the only task
/// that does. Dropping it closes the connection.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared<State>>,
    pub(super) dialer: Dialer,
    pub(super) reader: Reader,
    /// The connection in use, for those who ask for the backlog.
    pub(super) line: Arc<Line>,
}

/// The connection in use, if there is one.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<Option<Arc<Connection>>>);

impl Line {
    pub(super) fn get(&self) -> Option<Arc<Connection>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, connection: Option<Arc<Connection>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

/// What is on its way to the broker.
#[derive(Default)]
struct Flying {
    round: OptionFuture<BoxFuture<'static, lapin::Result<bool>>>,
    copies: FuturesUnordered<BoxFuture<'static, (Retry, lapin::Result<bool>)>>,
}

impl Driver {
    /// Runs from an open session until the source is closed, dropped, or its queue deleted.
    pub(super) async fn run(self, mut session: Session) {
        loop {
            self.line.set(Some(Arc::clone(&session.connection)));
            self.shared.change(State::opened);
            let error = self.serve(&mut session).await;
            self.line.set(None);
            self.shared.change(|state| state.lost(&error));
            match self.reconnect(error).await {
                Some(again) => session = again,
                None => return,
            }
        }
    }

    /// Tries until there is a session again; none where the source is closed or its queue deleted.
    async fn reconnect(&self, mut error: Error) -> Option<Session> {
        loop {
            if self.shared.lock().is_closing() {
                return None;
            }
            let pause = self
                .shared
                .change(|state| state.failed(error, Instant::now()))?;
            let end = Instant::now() + pause;
            while Instant::now() < end && !self.shared.lock().is_closing() {
                self.shared.stirred(Some(end)).await;
            }
            match self.dialer.open().await {
                Ok(session) => return Some(session),
                Err(next) => error = next,
            }
        }
    }

    /// Serves a session until it ends, and answers why.
    async fn serve(&self, session: &mut Session) -> Error {
        let mut flying = Flying::default();
        loop {
            // The client may lose a request while its connection ends (lapin 4).
            let worked =
                tokio::time::timeout(self.dialer.patience, self.work(session, &mut flying));
            let due = match worked.await {
                Ok(Ok(due)) => due,
                Ok(Err(error)) => return self.ended(&error),
                Err(_) => return self.silent(),
            };
            let flow = tokio::select! {
                biased;
                Some(landed) = &mut flying.round => {
                    flying.round = OptionFuture::default();
                    self.landed(&landed)
                }
                Some((retry, copied)) = flying.copies.next() => self.copied(&retry, copied),
                () = self.shared.stirred(due) => ControlFlow::Continue(()),
                came = next(&mut session.consumer) => self.came(came, session).await,
            };
            if let ControlFlow::Break(error) = flow {
                return error;
            }
        }
    }

    /// Starts what is to be done now; answers when there is more of it.
    async fn work(
        &self,
        session: &mut Session,
        flying: &mut Flying,
    ) -> lapin::Result<Option<Instant>> {
        let (commands, retries, renew, close) = self.shared.change(|state| {
            let commands = state.round(Instant::now());
            let close = state.is_closing() && state.is_idle() && !state.is_flushed();
            (commands, state.retries(), state.wants_renewal(), close)
        });
        if !commands.is_empty() {
            let instrumentation = self.reader.instrumentation.clone();
            flying.round = Some(settle::send(commands, instrumentation).boxed()).into();
        }
        for retry in retries {
            flying.copies.push(self.copy(session, retry));
        }
        if renew || session.consumer.is_some() && self.shared.lock().is_closing() {
            session.cancel(|delivery| self.arrived([delivery])).await?;
        }
        if renew {
            session.consume(self.dialer.queue.clone()).await?;
            self.shared.change(State::renewed);
        }
        if close && flying.copies.is_empty() && self.shared.lock().is_idle() {
            session.synchronize(self.dialer.prefetch).await?;
            self.shared.change(State::flush);
        }
        Ok(self.shared.lock().sleep())
    }

    fn landed(&self, landed: &lapin::Result<bool>) -> ControlFlow<Error> {
        match landed {
            Ok(true) => {
                self.shared.change(State::landed);
                ControlFlow::Continue(())
            }
            Ok(false) => ControlFlow::Break(self.cancelled()),
            Err(error) => ControlFlow::Break(self.ended(error)),
        }
    }

    fn copied(&self, retry: &Retry, copied: lapin::Result<bool>) -> ControlFlow<Error> {
        if let Err(error) = &copied {
            let error = failure(Operation::Settle, &self.dialer.destination, error);
            tracing::warn!(%error, "a failed message waits here and not in its retry queue");
        }
        let arrived = copied.is_ok_and(|arrived| arrived);
        self.shared
            .change(|state| state.copied(retry, arrived, Instant::now()));
        ControlFlow::Continue(())
    }

    async fn came(
        &self,
        came: Option<lapin::Result<Delivery>>,
        session: &mut Session,
    ) -> ControlFlow<Error> {
        match came {
            Some(Ok(delivery)) => {
                // What is ready to run does so first, and meanwhile more comes to be read at once.
                tokio::task::yield_now().await;
                self.burst(delivery, session)
            }
            Some(Err(error)) => ControlFlow::Break(self.ended(&error)),
            None => ControlFlow::Break(self.cancelled()),
        }
    }

    /// Reads what is there, up to a limit.
    fn burst(&self, first: Delivery, session: &mut Session) -> ControlFlow<Error> {
        let mut flow = ControlFlow::Continue(());
        let more = std::iter::from_fn(|| {
            let consumer = session.consumer.as_mut()?;
            flow = match consumer.next().now_or_never()? {
                Some(Ok(delivery)) => return Some(delivery),
                Some(Err(error)) => ControlFlow::Break(self.ended(&error)),
                None => ControlFlow::Break(self.cancelled()),
            };
            None
        });
        self.arrived(std::iter::once(first).chain(more).take(BURST));
        flow
    }

    fn arrived(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        let now = Instant::now();
        let read: Vec<_> = deliveries
            .into_iter()
            .map(|delivery| {
                let (tag, redelivered) = (delivery.delivery_tag, delivery.redelivered);
                (tag, redelivered, self.reader.read(delivery, now))
            })
            .collect();
        self.shared.change(|state| {
            for (tag, redelivered, (granted, delivery)) in read {
                state.arrived(tag, granted, delivery, redelivered, now);
            }
        });
    }

    fn copy(
        &self,
        session: &Session,
        retry: Retry,
    ) -> BoxFuture<'static, (Retry, lapin::Result<bool>)> {
        let queues: Option<RetryQueues> = self.dialer.retry_queues.clone();
        let channel = session.retries.clone();
        async move {
            let copied = match (queues, channel) {
                (Some(queues), Some(channel)) => queues.copy(&channel, &retry).await,
                _ => Ok(false),
            };
            (retry, copied)
        }
        .boxed()
    }

    fn ended(&self, error: &lapin::Error) -> Error {
        failure(Operation::Receive, &self.dialer.destination, error)
    }

    fn silent(&self) -> Error {
        let dialer = &self.dialer;
        timeout(Operation::Receive, &dialer.destination, dialer.patience)
    }

    fn cancelled(&self) -> Error {
        let detail = "the broker has cancelled the consumer or closed its channel";
        let kind = ErrorKind::Unavailable;
        Error::new(Operation::Receive, &self.dialer.destination, kind, detail)
    }
}

async fn next(consumer: &mut Option<Consumer>) -> Option<lapin::Result<Delivery>> {
    match consumer {
        Some(consumer) => consumer.next().await,
        None => std::future::pending().await,
    }
}
