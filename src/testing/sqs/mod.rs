//! An SQS endpoint inside the test process: the real AWS SDK client talks real HTTP to it on a
//! loopback port.
//!
//! It is for tests and for the demo, and for nothing else: it keeps messages in memory and checks
//! no signature. In return it needs no installation, is as strict as AWS where other local servers
//! are not, can fail on demand ([`Faults`]), shows what went over the wire
//! ([`SqsEndpoint::requests`]) and can move its clock ([`SqsEndpoint::advance`]), so that a test
//! about a visibility timeout takes no time.
//!
//! ```
//! use tracehop::testing::sqs::{Action, Depth, SqsEndpoint};
//!
//! # // What the test is about; yours is in your own crate.
//! # async fn ship(client: &aws_sdk_sqs::Client, orders: &str) -> Result<(), aws_sdk_sqs::Error> {
//! #     let received = client.receive_message().queue_url(orders).send().await?;
//! #     for message in received.messages() {
//! #         let receipt = message.receipt_handle().unwrap_or_default();
//! #         client.delete_message().queue_url(orders).receipt_handle(receipt).send().await?;
//! #     }
//! #     Ok(())
//! # }
//! #
//! // #[tokio::test] in your crate
//! # #[tokio::main(flavor = "current_thread")]
//! async fn a_shipped_order_leaves_the_queue() -> Result<(), aws_sdk_sqs::Error> {
//!     let sqs = SqsEndpoint::start().await;
//!     let client = sqs.client();
//!     let orders = sqs.queue("orders").create();
//!     client.send_message().queue_url(&orders).message_body("order 7").send().await?;
//!
//!     ship(&client, &orders).await?;
//!
//!     assert_eq!(sqs.depth("orders"), Some(Depth::default()));
//!     assert_eq!(sqs.count(Action::DeleteMessage), 1);
//!     Ok(())
//! }
//! # a_shipped_order_leaves_the_queue()?;
//! # Ok::<(), aws_sdk_sqs::Error>(())
//! ```
//!
//! # What is as on AWS
//!
//! The limits of messages, attributes and batches; receipts; visibility up to 12 h from the
//! receive; redelivery; delays; retention; long polling that a send ends at once and that takes
//! nothing once its client has hung up; FIFO order, groups, deduplication and receive attempts;
//! dead-letter queues that keep what the message had; partly failed batches; the digests; system
//! and message attributes only where they were asked for; typed errors; `X-Amzn-Trace-Id` of the
//! request as `AWSTraceHeader`.
//!
//! Where AWS leaves itself a choice, the endpoint takes the one that shows a mistake: a receipt
//! ends with its visibility timeout, always. (AWS's standard queues often still honour the last
//! receipt of a message that nobody has received since.) Deleting with it answers success and
//! deletes nothing, extending it is refused with `MessageNotInflight`.
//!
//! # What it leaves out
//!
//! Signatures and permissions ([`Fault::AccessDenied`] and [`Fault::InvalidCredentials`] stand in
//! for them), encryption, tags, message move tasks, pages of `ListQueues`, the 60 seconds that AWS
//! wants between some calls, request rate limits, the fairness of fair queues (their group ids are
//! kept and shown), and the disorder and the rare duplicates of AWS's standard queues: messages
//! come in the order in which they became visible.
//!
//! # Time
//!
//! The clock is [`tokio::time`]'s, moved on by [`SqsEndpoint::advance`]. A test on a paused tokio
//! clock works too, but tokio then jumps to the next timer whenever it only waits for a socket,
//! which ends the SDK's timeouts early: prefer `advance`.
//!
//! # Measuring
//!
//! The endpoint's tasks run on the runtime that it is started on. To measure what a client costs,
//! start it on a runtime of its own and count the threads of the other:
//! `let sqs = server.block_on(SqsEndpoint::start());`.

mod action;
mod actions;
mod attributes;
mod broker;
mod builder;
mod delivery;
mod digest;
mod fault;
mod filter;
mod http;
mod limits;
mod log;
mod message;
mod messages;
mod order;
mod queue;
mod receipt;
mod recent;
mod refusal;
mod shelf;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use self::action::Action;
pub use self::builder::QueueBuilder;
pub use self::fault::{Fault, FaultRule, Faults};
pub use self::log::Request;
pub use self::shelf::Depth;

use self::broker::Broker;
use self::http::Shared;
use self::log::Log;

/// How many requests are kept with their bodies, unless the test says otherwise.
const KEPT_REQUESTS: usize = 256;

/// An SQS endpoint on a loopback port. It stops, and forgets its queues, when it is dropped.
#[derive(Debug)]
pub struct SqsEndpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl SqsEndpoint {
    /// Starts an endpoint on a free port of 127.0.0.1, with tasks on the current tokio runtime.
    ///
    /// # Panics
    ///
    /// When no loopback port can be had, and outside a tokio runtime with I/O and time.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a loopback port can be had");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            broker: Broker::new(&format!("http://{address}")),
            faults: Faults::default(),
            log: Log::new(KEPT_REQUESTS),
        });
        let task = tokio::spawn(http::serve(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task: task.abort_handle(),
        }
    }

    /// The address for `endpoint_url`, or for the variable `AWS_ENDPOINT_URL_SQS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of this endpoint, with everything else as the SDK has it by default.
    pub fn client(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(self.config().build())
    }

    /// The configuration of such a client, to add to: an interceptor, timeouts, fewer retries.
    /// Region us-east-1, credentials that mean nothing, behaviour version 2026-01-12.
    pub fn config(&self) -> aws_sdk_sqs::config::Builder {
        aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "testing"))
            .endpoint_url(self.url())
    }

    /// A queue to be made without a request, so that nothing is counted. A name that ends in
    /// `.fifo` makes it a FIFO queue. `CreateQueue` over the wire works as well.
    pub fn queue(&self, name: impl Into<String>) -> QueueBuilder<'_> {
        QueueBuilder::new(&self.shared.broker, name.into())
    }

    /// How many messages the queue of this name or URL holds; none if there is no such queue.
    pub fn depth(&self, queue: &str) -> Option<Depth> {
        self.shared.broker.depth(queue).ok()
    }

    /// What is to go wrong. By default nothing does.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Moves the endpoint's clock on: delays, visibility timeouts, long polls, deduplication and
    /// retention end that much sooner. Nothing else sees it, so a worker's own timers run on as
    /// before.
    pub fn advance(&self, by: Duration) {
        self.shared.broker.advance(by);
    }

    /// The last requests, oldest first: 256 of them, or as many as
    /// [`keep_requests`](Self::keep_requests) says. Attempts that a fault answered are among them.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.last()
    }

    /// How many requests to keep from now on, each with its body. The default is 256; the counts
    /// go on in any case.
    pub fn keep_requests(&self, most: usize) {
        self.shared.log.keep(most);
    }

    /// How often an action was called since the start or [`forget_requests`](Self::forget_requests).
    pub fn count(&self, action: Action) -> u64 {
        self.shared.log.count(action)
    }

    /// The calls of all actions together.
    pub fn total_count(&self) -> u64 {
        self.shared.log.total()
    }

    /// Counts from zero again, and drops the requests that were kept.
    pub fn forget_requests(&self) {
        self.shared.log.clear();
    }
}

impl Drop for SqsEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}
