//! All queues of an endpoint, its clock, and what happens between queues.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::attributes::{ARN_PREFIX, Attributes};
use super::delivery::{Delivery, Want};
use super::message::Message;
use super::queue::{Queue, Sent};
use super::refusal::{Code, Refusal};
use super::shelf::Depth;

pub(super) struct Broker {
    pub(super) clock: Clock,
    /// What the URLs of the queues begin with.
    base: String,
    queues: Mutex<BTreeMap<String, Queue>>,
}

impl Broker {
    /// A broker with no queue, whose queue URLs begin with this address.
    pub(super) fn new(endpoint: &str) -> Self {
        Self {
            clock: Clock::start(),
            base: format!("{endpoint}/000000000000/"),
            queues: Mutex::default(),
        }
    }

    /// The URL of the queue, which was there with the same attributes or is there now.
    pub(super) fn create(
        &self,
        name: &str,
        given: &BTreeMap<String, String>,
    ) -> Result<String, Refusal> {
        let attributes = Attributes::create(name, given)?;
        let mut queues = self.lock();
        if let Some(queue) = queues.get(name) {
            // What the request leaves out may have been changed since the queue was made.
            let mut wanted = Attributes::clone(&queue.attributes);
            for (name, value) in given.iter().filter(|(name, _)| *name != "FifoQueue") {
                wanted.set(name, value)?;
            }
            if let Some(attribute) = wanted.difference(&queue.attributes) {
                return Err(Refusal::new(
                    Code::QueueNameExists,
                    format!(
                        "A queue already exists with the same name and a different value for \
                         attribute {attribute}"
                    ),
                ));
            }
        } else {
            check_redrive(&queues, &attributes)?;
            queues.insert(name.to_owned(), Queue::new(attributes));
        }
        Ok(format!("{}{name}", self.base))
    }

    pub(super) fn delete(&self, url: &str) -> Result<(), Refusal> {
        let queue = self.lock().remove(name(url)).ok_or_else(no_queue)?;
        queue.bell.notify_waiters();
        Ok(())
    }

    /// The URL of the queue of this name.
    pub(super) fn url(&self, name: &str) -> Result<String, Refusal> {
        self.with(name, |_, _| Ok(format!("{}{name}", self.base)))
    }

    /// The URLs of the queues whose names begin so, by name.
    pub(super) fn urls(&self, prefix: &str) -> Vec<String> {
        let queues = self.lock();
        let names = queues.keys().filter(|name| name.starts_with(prefix));
        names.map(|name| format!("{}{name}", self.base)).collect()
    }

    pub(super) fn attributes(&self, url: &str) -> Result<Arc<Attributes>, Refusal> {
        self.with(url, |queue, _| Ok(Arc::clone(&queue.attributes)))
    }

    pub(super) fn set_attributes(
        &self,
        url: &str,
        given: &BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        let mut queues = self.lock();
        let queue = queues.get(name(url)).ok_or_else(no_queue)?;
        let mut attributes = Attributes::clone(&queue.attributes);
        for (name, value) in given {
            attributes.set(name, value)?;
        }
        check_redrive(&queues, &attributes)?;
        if let Some(queue) = queues.get_mut(name(url)) {
            queue.attributes = Arc::new(attributes);
            queue.bell.notify_waiters();
        }
        Ok(())
    }

    pub(super) fn purge(&self, url: &str) -> Result<(), Refusal> {
        self.with(url, |queue, _| {
            queue.purge();
            Ok(())
        })
    }

    pub(super) fn depth(&self, url: &str) -> Result<Depth, Refusal> {
        self.with(url, |queue, _| Ok(queue.depth()))
    }

    pub(super) fn send(
        &self,
        url: &str,
        message: Message,
        delay: Option<Duration>,
    ) -> Result<Sent, Refusal> {
        self.with(url, |queue, now| Ok(queue.send(message, delay, now)))
    }

    /// Receives as soon as there is something, or nothing after the wait that is wanted.
    /// Cancel-safe: no message is taken by a call that is dropped.
    pub(super) async fn receive(&self, url: &str, want: &Want) -> Result<Vec<Delivery>, Refusal> {
        let start = self.clock.now();
        loop {
            match self.look(url, want, start)? {
                Look::Over(deliveries) => return Ok(deliveries),
                Look::Wait { change, most } => {
                    tokio::select! {
                        () = change => {}
                        () = tokio::time::sleep(most) => {}
                    }
                }
            }
        }
    }

    pub(super) fn delete_message(&self, url: &str, handle: &str) -> Result<(), Refusal> {
        self.with(url, |queue, _| queue.delete(handle))
    }

    pub(super) fn change_visibility(
        &self,
        url: &str,
        handle: &str,
        timeout: Duration,
    ) -> Result<(), Refusal> {
        self.with(url, |queue, now| {
            queue.change_visibility(handle, timeout, now)
        })
    }

    /// Moves the clock on, and wakes everyone who waits for it.
    pub(super) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        for queue in self.lock().values() {
            queue.bell.notify_waiters();
        }
    }

    /// Takes what is there, and moves what was received too often to its dead-letter queue, if
    /// that still exists.
    fn look(&self, url: &str, want: &Want, start: Instant) -> Result<Look, Refusal> {
        let mut queues = self.lock();
        let now = self.clock.now();
        let redrive = queues.get(name(url)).and_then(|queue| {
            let redrive = queue.attributes.redrive.clone()?;
            queues.contains_key(&redrive.target).then_some(redrive)
        });
        let queue = queues.get_mut(name(url)).ok_or_else(no_queue)?;
        queue.wake_up(now);
        let taken = queue.receive(want, redrive.as_ref().map(|it| it.max_receive_count), now)?;
        let deadline = start + want.wait.unwrap_or(queue.attributes.receive_wait);
        let look = if !taken.deliveries.is_empty() || deadline <= now {
            Look::Over(taken.deliveries)
        } else {
            // Every change is made under the lock that is held here, so none is missed.
            let until = queue
                .next_alarm()
                .map_or(deadline, |alarm| alarm.min(deadline));
            Look::Wait {
                change: Arc::clone(&queue.bell).notified_owned(),
                most: until.saturating_duration_since(now),
            }
        };
        if let Some(target) = redrive.and_then(|redrive| queues.get_mut(&redrive.target)) {
            let source: Arc<str> = format!("{ARN_PREFIX}{}", name(url)).into();
            for entry in taken.dead {
                target.bury(entry, &source, now);
            }
        }
        Ok(look)
    }

    /// Works on the queue of this URL or name, at the present time.
    fn with<T>(
        &self,
        url: &str,
        work: impl FnOnce(&mut Queue, Instant) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut queues = self.lock();
        let now = self.clock.now();
        let queue = queues.get_mut(name(url)).ok_or_else(no_queue)?;
        queue.wake_up(now);
        work(queue, now)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the messages, of which there may be many.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// What a receive found.
enum Look {
    Over(Vec<Delivery>),
    /// Nothing yet: worth another look at a change of the queue, or at the latest after this time.
    Wait {
        change: OwnedNotified,
        most: Duration,
    },
}

/// Tokio's clock, which a test may move on by itself.
#[derive(Debug)]
pub(super) struct Clock {
    origin: Instant,
    /// The time of the wall clock at the origin, since 1970.
    wall: Duration,
    /// How far the clock was moved on, in nanoseconds.
    ahead: AtomicU64,
}

impl Clock {
    fn start() -> Self {
        Self {
            origin: Instant::now(),
            wall: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            ahead: AtomicU64::new(0),
        }
    }

    pub(super) fn now(&self) -> Instant {
        Instant::now() + Duration::from_nanos(self.ahead.load(Ordering::Relaxed))
    }

    /// Milliseconds since 1970, the unit of SQS's timestamps.
    pub(super) fn millis(&self, at: Instant) -> u128 {
        (self.wall + at.duration_since(self.origin)).as_millis()
    }

    fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// The name at the end of a queue's URL.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

fn no_queue() -> Refusal {
    Refusal::new(
        Code::QueueDoesNotExist,
        "The specified queue does not exist.",
    )
}

fn check_redrive(queues: &BTreeMap<String, Queue>, attributes: &Attributes) -> Result<(), Refusal> {
    let Some(redrive) = &attributes.redrive else {
        return Ok(());
    };
    let refuse = |reason| Err(Refusal::value("RedrivePolicy", redrive.render(), reason));
    match queues.get(&redrive.target) {
        None => refuse("Dead letter target does not exist."),
        Some(target) if target.attributes.fifo.is_some() != attributes.fifo.is_some() => {
            refuse("Dead-letter queue must be same type of queue as the source.")
        }
        Some(_) => Ok(()),
    }
}
