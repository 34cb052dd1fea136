use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::Client;

use super::SqsSink;
use super::outgoing::Encoder;
use super::request::Requests;
use crate::contract::Result;
use crate::sqs::entry::Rules;
use crate::sqs::queue::QueueUrl;
use crate::sqs::{SqsQueue, client};
use crate::telemetry::Instrumentation;

/// Sets up an [`SqsSink`].
#[derive(Clone)]
#[must_use]
pub struct SqsSinkBuilder {
    client: Client,
    url: QueueUrl,
    settings: Settings,
    encode_binary: bool,
    max_bytes: Option<usize>,
    instrumentation: Instrumentation,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) linger: Duration,
    pub(super) gather: bool,
    pub(super) requests: usize,
}

impl SqsSinkBuilder {
    pub(super) fn new(client: Client, url: &str) -> Self {
        let settings = Settings {
            linger: Duration::from_millis(5),
            gather: true,
            requests: 8,
        };
        Self {
            client,
            url: QueueUrl::new(url),
            settings,
            encode_binary: false,
            max_bytes: None,
            instrumentation: Instrumentation::default(),
        }
    }

    /// How long a message waits for company in a batch. Default: 5 ms.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// Whether messages are gathered into batches. Default: true: each has a create span under its
    /// caller, and the send span is a root that links to them. Otherwise each is a call of its own,
    /// with one send span under its caller.
    pub fn gather(mut self, gather: bool) -> Self {
        self.settings.gather = gather;
        self
    }

    /// How many send requests are in flight at most, at least 1. Default: 8.
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.settings.requests = requests.max(1);
        self
    }

    /// Whether a payload that SQS cannot carry (null, empty, not UTF-8, or with characters that it
    /// refuses) is sent as base64, or as a word where there is nothing to encode, with a header
    /// `tracehop-encoding` that says so and takes one of the ten. [`SqsSource`](crate::sqs::SqsSource)
    /// undoes it. Default: false: it is an error.
    pub fn encode_binary(mut self, encode: bool) -> Self {
        self.encode_binary = encode;
        self
    }

    /// The queue's `MaximumMessageSize` in bytes, above which propagation fields must not push a
    /// message. Default: a message within 262,144 bytes stays within, a larger one may grow to
    /// 1 MiB.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// The instrumentation. Default: the one on OpenTelemetry's globals.
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.instrumentation = instrumentation;
        self
    }

    /// The sink. Nothing is asked of the queue before the first message.
    ///
    /// # Errors
    /// The text is no queue URL.
    pub fn build(self) -> Result<SqsSink> {
        let queue = SqsQueue::from_url(&self.url)?;
        let destination = Arc::clone(queue.destination());
        let encoder = Encoder {
            destination: Arc::clone(&destination),
            instrumentation: self.instrumentation,
            rules: Rules {
                fifo: queue.is_fifo(),
                encode_binary: self.encode_binary,
            },
            gather: self.settings.gather,
            budget: tracehop_sqs::Budget {
                max_bytes: self.max_bytes,
                ..tracehop_sqs::Budget::sqs()
            },
        };
        let requests = Requests {
            client: client::for_calls(&self.client),
            url: self.url,
            encoder: Arc::new(encoder),
        };
        Ok(SqsSink {
            destination,
            requests,
            settings: self.settings,
            queue: OnceLock::new(),
        })
    }
}

/// Without the client, which shows its endpoint with the credentials in it.
impl fmt::Debug for SqsSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsSinkBuilder")
            .field("url", &self.url)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
