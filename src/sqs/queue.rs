use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use aws_sdk_sqs::types::Message;
use opentelemetry::Context;

use super::receive;
use crate::contract::{
    Destination, Error, ErrorKind, Operation, Result, Server, System, without_credentials,
};
use crate::telemetry::Instrumentation;

/// A queue, as telemetry knows it: what [`MessageExt`](super::MessageExt) needs beside the message.
///
/// Cheap to clone. It holds no client and opens nothing.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    destination: Arc<Destination>,
    instrumentation: Instrumentation,
}

impl SqsQueue {
    /// The queue behind a queue URL, as `GetQueueUrl` answers it, with the default
    /// [`Instrumentation`]. Its name is the last segment of the path; credentials in the URL are
    /// not kept.
    ///
    /// # Errors
    /// The text is no `http` or `https` URL with a host and a queue name.
    pub fn from_url(url: &str) -> Result<Self> {
        let destination = destination(url);
        if destination.server.is_none() || destination.name.is_empty() {
            let detail = "not the URL of a queue";
            return Err(Error::new(
                Operation::Open,
                &destination,
                ErrorKind::Config,
                detail,
            ));
        }
        Ok(Self {
            destination: Arc::new(destination),
            instrumentation: Instrumentation::default(),
        })
    }

    /// Sets the instrumentation. Default: the one on OpenTelemetry's globals.
    #[must_use]
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.instrumentation = instrumentation;
        self
    }

    /// The queue as a destination.
    pub fn destination(&self) -> &Arc<Destination> {
        &self.destination
    }

    /// Whether it is a FIFO queue: SQS lets only their names end in `.fifo`.
    #[expect(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "queue names are case-sensitive, and no file names"
    )]
    pub fn is_fifo(&self) -> bool {
        self.destination.name.ends_with(".fifo")
    }

    /// The context that `message` brings, read by the instrumentation's propagator: the remote span
    /// context and the baggage, and nothing of what is current.
    pub fn extract_context(&self, message: &Message) -> Context {
        receive::extract(&self.instrumentation, &self.destination, message).context
    }

    pub(super) fn telemetry(&self) -> &Instrumentation {
        &self.instrumentation
    }
}

/// A queue URL as the user gave it, for requests: what is shown of it has no credentials.
#[derive(Clone)]
pub(super) struct QueueUrl(Arc<str>);

impl QueueUrl {
    pub(super) fn new(url: &str) -> Self {
        Self(url.into())
    }
}

impl Deref for QueueUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", without_credentials(self))
    }
}

/// What telemetry may say of the queue behind `url`, which a user may have got wrong: it is then
/// named as far as it can be.
pub(super) fn destination(url: &str) -> Destination {
    let url = without_credentials(url);
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let url = url.trim_end_matches('/');
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => url,
    };
    // Of what is no URL, no more is shown than would be of one.
    let name = path.rsplit(['/', '@']).next().unwrap_or_default();
    let server = Server::from_url(url);
    Destination {
        resource: server.is_some().then(|| url.to_owned()),
        server,
        ..Destination::new(System::AwsSqs, name)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_the_last_segment_of_its_url() {
        let urls = [
            "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
            "http://127.0.0.1:4566/queue/eu-west-1/000000000000/orders",
            "http://localhost:9324/orders/",
        ];
        for url in urls {
            let queue = SqsQueue::from_url(url).unwrap();
            assert_eq!(queue.destination().name, "orders");
            assert_eq!(
                queue.destination().resource.as_deref(),
                Some(url.trim_end_matches('/'))
            );
            assert!(!queue.is_fifo());
        }
    }

    #[test]
    fn a_fifo_queue_is_known_by_its_name() {
        let queue = SqsQueue::from_url("http://localhost:9324/0/orders.fifo").unwrap();
        assert!(queue.is_fifo());
    }

    #[test]
    fn credentials_in_a_queue_url_are_not_kept() {
        let queue = SqsQueue::from_url("https://key:secret@host:8443/1/orders?token=t").unwrap();
        assert_eq!(
            queue.destination().resource.as_deref(),
            Some("https://host:8443/1/orders")
        );
        assert!(!format!("{queue:?}").contains("secret"));
    }

    #[test]
    fn a_secret_with_a_slash_is_not_kept_either() {
        let queue = SqsQueue::from_url("https://key:se/cr?et@host/1/orders").unwrap();
        assert_eq!(
            queue.destination().resource.as_deref(),
            Some("https://host/1/orders")
        );
    }

    #[test]
    fn what_is_no_queue_url_is_an_error_without_its_credentials() {
        let none = [
            "orders",
            "",
            "https://host",
            "ftp://key:secret@host/orders",
            "key:secret@host",
            "https://key:secret@",
        ];
        for url in none {
            let error = SqsQueue::from_url(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
