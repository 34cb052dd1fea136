use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::{ConnectionState, ErrorKind as Cause};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::flights::{Fate, Flights, Mark, Word};
use super::outgoing::{Letter, Pending};
use super::session::{Answer, Dialer, Session};
use crate::amqp::error::reply_name;
use crate::amqp::failure::{backoff, failure, max_bytes};
use crate::contract::{Destination, Error, ErrorKind, Operation, Result, Sent};
use crate::telemetry::{OperationError, Outcome};

/// How long a driver with messages on their way hears nothing before it looks at its session.
const LOOK: Duration = Duration::from_secs(1);

/// Publishes what is enqueued, until all of it is confirmed and the sink is gone.
pub(super) struct Driver {
    dialer: Dialer,
    most: usize,
    line: mpsc::Receiver<Pending>,
    flights: Flights<Letter>,
    confirms: FuturesUnordered<BoxFuture<'static, Answer>>,
    session: Option<Session>,
    tries: u32,
    /// After a failure: connecting waits until then.
    pause: Instant,
    /// When it was looked last, the session was gone.
    gone: bool,
    /// The largest payload that the broker takes, where it said so.
    max_bytes: Option<usize>,
}

impl Driver {
    pub(super) fn new(dialer: Dialer, most: usize, line: mpsc::Receiver<Pending>) -> Self {
        Self {
            dialer,
            most,
            line,
            flights: Flights::default(),
            confirms: FuturesUnordered::new(),
            session: None,
            tries: 0,
            pause: Instant::now(),
            gone: false,
            max_bytes: None,
        }
    }

    pub(super) async fn run(mut self) {
        let mut open = true;
        while open || self.flights.len() > 0 {
            let len = self.flights.len();
            // Those of a session that is lost are answered before there is another.
            let room = len < self.most && (len == 0 || self.session.is_some());
            tokio::select! {
                biased;
                Some(answer) = self.confirms.next() => self.answered(answer),
                next = self.line.recv(), if open && room => match next {
                    Some(pending) => self.publish(pending).await,
                    None => open = false,
                },
                () = sleep(LOOK), if len > 0 => self.look(),
            }
        }
    }

    /// The client may lose what is published while its connection ends (lapin 4): no confirm and no
    /// error ever comes then. So when the session is gone, they have a while, and are given up.
    fn look(&mut self) {
        let gone = !self.session.as_ref().is_some_and(Session::is_alive);
        if !std::mem::replace(&mut self.gone, gone) || !gone {
            return;
        }
        self.session = None;
        self.confirms.clear();
        let error = Cause::InvalidConnectionState(ConnectionState::Error).into();
        for (letter, fate) in self.flights.abandon(&error) {
            let result = result(&letter, fate);
            finish(letter, result);
        }
    }

    async fn publish(&mut self, pending: Pending) {
        if self.session.is_none() {
            match self.connect().await {
                Ok(session) => self.session = Some(session),
                Err(error) => {
                    finish(pending.letter, Err(error.clone()));
                    while let Ok(pending) = self.line.try_recv() {
                        finish(pending.letter, Err(error.clone()));
                    }
                    return;
                }
            }
        }
        self.send(pending);
    }

    async fn connect(&mut self) -> Result<Session> {
        sleep_until(self.pause).await;
        let opened = self.dialer.open().await;
        match &opened {
            Ok(_) => self.tries = 0,
            Err(error) => {
                self.tries += 1;
                self.pause = Instant::now() + backoff(self.tries);
                tracing::warn!(%error, "nothing is published, and connecting is tried again");
            }
        }
        opened
    }

    fn send(&mut self, pending: Pending) {
        let (letter, envelope) = (pending.letter, pending.envelope);
        let Some(session) = &self.session else {
            return;
        };
        let refused = self.too_large(session, pending.frame_bytes, letter.payload_bytes);
        if let Some(why) = refused {
            let kind = ErrorKind::Payload;
            let error = Error::new(Operation::Send, &letter.destination, kind, why);
            return finish(letter, Err(error));
        }
        let mark = Mark {
            routing_key: envelope.routing_key.to_string(),
            message_id: letter.message_id.clone(),
        };
        let number = self.flights.start(mark, letter);
        let mut publishing = session.publish(number, envelope);
        // Polled here, so that messages go out in order whatever the order of polling is later.
        match publishing.as_mut().now_or_never() {
            Some(answer) => self.answered(answer),
            None => self.confirms.push(publishing),
        }
    }

    /// What would make the broker close the connection or the channel, and with it fail others.
    fn too_large(&self, session: &Session, frame: usize, payload: usize) -> Option<String> {
        if session.frame_max > 0 && frame > session.frame_max {
            let most = session.frame_max;
            return Some(format!(
                "the headers take {frame} bytes, and the broker takes {most} in a frame"
            ));
        }
        let most = self.max_bytes.filter(|most| payload > *most)?;
        Some(format!(
            "the payload has {payload} bytes, and the broker takes {most}"
        ))
    }

    /// Takes a confirm, and all others that are there, and decides what they allow to decide.
    fn answered(&mut self, answer: Answer) {
        self.landed(answer);
        while let Some(Some(answer)) = self.confirms.next().now_or_never() {
            self.landed(answer);
        }
        for (letter, fate) in self.flights.decided() {
            let result = result(&letter, fate);
            finish(letter, result);
        }
    }

    fn landed(&mut self, (number, word, returned): Answer) {
        if let Word::Lost(error) = &word {
            self.session = None;
            self.max_bytes = max_bytes(error).or(self.max_bytes);
        }
        self.flights.landed(number, word, returned);
    }
}

fn result(letter: &Letter, fate: Fate) -> Result<Sent> {
    let destination: &Destination = &letter.destination;
    let error = |kind, detail| Error::new(Operation::Send, destination, kind, detail);
    Err(match fate {
        Fate::Sent => {
            return Ok(Sent {
                message_id: Some(letter.message_id.clone()),
                ..Sent::default()
            });
        }
        Fate::Returned(code) => {
            let detail = "the exchange has no queue for the message, which was returned";
            error(ErrorKind::NotFound, detail).with_code(reply_name(code))
        }
        Fate::Nacked => {
            let detail = "the broker could not take the message on";
            error(ErrorKind::Throttled, detail).with_code("nack")
        }
        Fate::Lost(lost) => match max_bytes(&lost) {
            Some(most) if letter.payload_bytes > most => {
                failure(Operation::Send, destination, &lost)
            }
            Some(_) => {
                let detail = "the channel ended before the message was confirmed";
                error(ErrorKind::Unavailable, detail)
            }
            None => failure(Operation::Send, destination, &lost),
        },
    })
}

fn finish(letter: Letter, result: Result<Sent>) {
    letter.span.end(&match &result {
        Ok(_) => Outcome::success(),
        Err(error) => Outcome::failure(OperationError::from(error)),
    });
    // Who has dropped the confirm does not want to know.
    drop(letter.answer.send(result));
}
