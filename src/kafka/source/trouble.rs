use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::time::Instant;

use super::driver::Driver;
use super::open;
use crate::contract::{ErrorKind, Operation};
use crate::kafka::error;

const PAUSE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(500);
/// How often in a row a topic must be missing: a broker that has just started may not know it yet.
const TIMES_MISSING: u32 = 5;

/// What is wrong for now.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// The brokers are asked again at that time; an answer ends the trouble.
    probe: Option<Instant>,
    missing: u32,
}

impl Driver {
    /// Something is wrong: the source is unready.
    pub(super) fn troubled(&mut self, error: &KafkaError, reason: &str) {
        let kind = error::kind(error);
        let main = &self.shared.reader.main;
        let failure = error::failure(Operation::Receive, main, error, Some(reason));
        tracing::debug!(error = %failure, "the consumer is in trouble");
        self.shared.lock().set_trouble(Some(failure.to_string()));
        // Nothing tells that a broker is back, or a topic there. What is wrong with the group is
        // over when there is an assignment.
        if matches!(
            kind,
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::NotFound
        ) {
            self.troubles.probe.get_or_insert(Instant::now() + PAUSE);
        }
    }

    /// There is no trouble any more.
    pub(super) fn recovered(&mut self) {
        self.troubles = Troubles::default();
        self.shared.lock().set_trouble(None);
    }

    /// Asks whether the trouble is over, from time to time.
    pub(super) fn look_into_trouble(&mut self) {
        let now = Instant::now();
        if self.troubles.probe.is_none_or(|due| due > now) {
            return;
        }
        self.troubles.probe = Some(now + PAUSE);
        let reader = &self.shared.reader;
        match open::look(&*self.consumer, &reader.main, Operation::Receive, TIMEOUT) {
            Ok(()) => self.recovered(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.troubles.missing += 1;
                if self.troubles.missing >= TIMES_MISSING {
                    self.fail(error);
                }
            }
            Err(_) => {}
        }
    }
}
