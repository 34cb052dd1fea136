use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::Client;

use super::SqsSource;
use crate::contract::{Error, ErrorKind, Operation, Result};
use crate::sqs::SqsQueue;
use crate::sqs::queue::QueueUrl;
use crate::telemetry::Instrumentation;

/// The longest that SQS waits (`ReceiveMessage`, API version 2012-11-05).
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Deletes and visibility changes wait so long for company.
const LINGER: Duration = Duration::from_millis(100);
/// On a FIFO queue a delete lets the next of its group out, so it waits less.
const FIFO_LINGER: Duration = Duration::from_millis(10);

/// Sets up an [`SqsSource`].
#[derive(Clone)]
#[must_use]
pub struct SqsSourceBuilder {
    client: Client,
    url: QueueUrl,
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) wait: Duration,
    pub(super) visibility: Option<Duration>,
    pub(super) prefetch: usize,
    pub(super) receives: usize,
    pub(super) linger: Option<Duration>,
    pub(super) native_attributes: bool,
    pub(super) instrumentation: Instrumentation,
}

impl Settings {
    pub(super) fn linger(&self, fifo: bool) -> Duration {
        self.linger
            .unwrap_or(if fifo { FIFO_LINGER } else { LINGER })
    }
}

impl SqsSourceBuilder {
    pub(super) fn new(client: Client, url: &str) -> Self {
        let settings = Settings {
            wait: LONGEST_WAIT,
            visibility: None,
            prefetch: 20,
            receives: 8,
            linger: None,
            native_attributes: false,
            instrumentation: Instrumentation::default(),
        };
        Self {
            client,
            url: QueueUrl::new(url),
            settings,
        }
    }

    /// How long a receive waits for a first message, in whole seconds from 1 to 20. Default: 20 s.
    /// It is at most two thirds of the visibility timeout, whatever is set here. It is also how
    /// long closing an idle source takes.
    pub fn wait_time(mut self, wait: Duration) -> Self {
        self.settings.wait = wait.min(LONGEST_WAIT);
        self
    }

    /// How long a message stays invisible before it must be extended, in whole seconds from 2 to
    /// 43,200. Default: the queue's own visibility timeout. The source extends it at half of that,
    /// for as long as the message is buffered or in hand: it bounds how long a message of a
    /// process that died is out of reach.
    pub fn visibility_timeout(mut self, visibility: Duration) -> Self {
        self.settings.visibility = Some(visibility.min(Duration::from_hours(12)));
        self
    }

    /// How many messages are kept ready beyond those in hand. Default: 20. At least 10, so that
    /// receives can ask for ten.
    pub fn prefetch(mut self, messages: usize) -> Self {
        self.settings.prefetch = messages;
        self
    }

    /// How many receives are in flight at most while the queue is deep. Default: 8. On an idle
    /// queue there is one.
    pub fn max_receives(mut self, receives: usize) -> Self {
        self.settings.receives = receives;
        self
    }

    /// How long deletes and visibility changes wait for company in a batch. Default: 100 ms, and
    /// 10 ms on a FIFO queue, where a delete lets the next message of its group out.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = Some(linger);
        self
    }

    /// Whether deliveries carry all system attributes of SQS in
    /// [`Attributes::native`](crate::contract::Attributes::native), `SenderId` among them. Default:
    /// false: only those that the delivery itself is made of are asked for, because each costs time
    /// on every message.
    pub fn native_attributes(mut self, all: bool) -> Self {
        self.settings.native_attributes = all;
        self
    }

    /// The instrumentation. Default: the one on OpenTelemetry's globals.
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.settings.instrumentation = instrumentation;
        self
    }

    /// The source. Nothing is asked of the queue before it is opened.
    ///
    /// # Errors
    /// The text is no queue URL.
    pub fn build(self) -> Result<SqsSource> {
        let queue = SqsQueue::from_url(&self.url)?;
        let destination = Arc::clone(queue.destination());
        let visibility = self.settings.visibility;
        if visibility.is_some_and(|visibility| visibility < super::SHORTEST_VISIBILITY) {
            let detail = "a visibility timeout of less than 2 s cannot be kept alive";
            let kind = ErrorKind::Config;
            return Err(Error::new(Operation::Open, &destination, kind, detail));
        }
        Ok(SqsSource {
            client: self.client,
            url: self.url,
            destination,
            fifo: queue.is_fifo(),
            settings: self.settings,
            running: OnceLock::new(),
        })
    }
}

/// Without the client, which shows its endpoint with the credentials in it.
impl fmt::Debug for SqsSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsSourceBuilder")
            .field("url", &self.url)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
