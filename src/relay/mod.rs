//! Relays: what a worker takes from one broker goes to another, with nothing lost on the way.
//!
//! ```
//! use tracehop::memory::MemoryBroker;
//! use tracehop::relay::Relay;
//! use tracehop::worker::Worker;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let broker = MemoryBroker::new();
//! let shutdown = async { /* tokio::signal::ctrl_c().await */ };
//! Worker::new(broker.source("orders"), Relay::to(broker.sink("archive")))
//!     .run_until(shutdown)
//!     .await?;
//! # Ok::<(), tracehop::contract::Error>(()) }).unwrap();
//! ```
//!
//! A message is settled only after the target has it, so what is under way when a relay dies comes
//! again: duplicates, never gaps. Within a lane a run of messages is sent in order, with all of its
//! confirms in flight together; from the first failure on, the run is sent again.
//!
//! What the target has no place for goes as a header, and what it cannot carry at all is rejected
//! with the reason, which [`on_reject`](crate::worker::Worker::on_reject) deals with:
//!
//! | | SQS | Kafka | AMQP | memory |
//! |---|---|---|---|---|
//! | payload | text; else rejected, or base64 with [`encode_binary`] | as it is | as it is; rejected where there is none | as it is |
//! | key | the group, on a FIFO queue without one; else `tracehop-key` | key | routing key; `tracehop-key` where the sink has one of its own | key |
//! | group | group | the key, where there is none; else `tracehop-group` | `tracehop-group` | group |
//! | deduplication id | on FIFO queues, else left out; the message id where there is none | left out | `tracehop-dedup-id` | kept |
//! | message id | `message-id`, but for one that SQS or Kafka gave | `message-id` | kept | kept |
//! | timestamp | `tracehop-timestamp` | timestamp, in milliseconds | in seconds | kept |
//! | content type and encoding, correlation id, reply to | `content-type`, … | the same | kept | kept |
//! | type, application id, priority, expiration | `amqp-type`, `amqp-app-id`, … | the same | kept | kept |
//! | header: text, bytes | kept; rejected where empty | kept | kept | kept |
//! | integer, float, boolean, time | kept, with a data type | text | kept | kept |
//! | null | rejected | kept | kept | kept |
//! | the same name twice | rejected | kept | an array | kept |
//! | a name that is not UTF-8 | rejected | kept | rejected | kept |
//! | a labelled type of SQS (`Number.price`) | kept | text or bytes | text or bytes | kept |
//! | a nested table or array of AMQP | rejected | rejected | kept | kept |
//! | `x-death`, of RabbitMQ | left out | left out | kept | kept |
//! | more than 10 headers | rejected | kept | kept | kept |
//!
//! The headers named here become again what they stand for where a relay's target has the place.
//! Expiration is in milliseconds. A delay is none of a message that has come.
//!
//! [`encode_binary`]: crate::sqs::SqsSinkBuilder::encode_binary

mod carry;
mod hop;
mod tried;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;

use self::hop::{Members, hops, parent};
use self::tried::{Tried, unseen};
use crate::contract::{Confirm, Delivery, Destination, Error, ErrorKind, Lease, Message, Sink};
use crate::telemetry::HOPS;
use crate::worker::{Failure, Few, Incoming, Rules, Work, Worked, sealed};

type Edit = Arc<dyn Fn(&mut Message) -> Result<(), Failure> + Send + Sync>;

/// The work of a relay: it sends each message on to a sink; see the [module](self).
///
/// Each message has a process span of its own, with the attributes `tracehop.relay.route` and
/// `tracehop.relay.hop`, and its create or send span is that one's child. The trace context on the
/// message is replaced by that; the baggage goes on byte for byte, unless
/// [`baggage`](Self::baggage) says otherwise.
///
/// [`Worker::timeout`](crate::worker::Worker::timeout) is for a run as a whole.
#[derive(Clone)]
#[must_use = "a relay does nothing without a worker"]
pub struct Relay<K> {
    sink: K,
    run: usize,
    most_hops: u32,
    route: Option<Arc<str>>,
    members: Option<Members>,
    edit: Option<Edit>,
}

impl<K: Sink> Relay<K> {
    /// A relay to that sink, with every default.
    pub fn to(sink: K) -> Self {
        Self {
            sink,
            run: 100,
            most_hops: 32,
            route: None,
            members: None,
            edit: None,
        }
    }

    /// How many messages of one lane are on their way at a time, at least 1: as many may come
    /// twice where one of them fails. Default: 100. The worker has that many times its
    /// [`concurrency`](crate::worker::Worker::concurrency) in hand, of all lanes together.
    pub fn run(mut self, most: usize) -> Self {
        self.run = most.max(1);
        self
    }

    /// What the route is called in telemetry: a name of low cardinality. Default: source and
    /// target, as in `aws_sqs:orders -> kafka:orders`.
    pub fn route(mut self, name: impl Into<String>) -> Self {
        self.route = Some(Arc::from(name.into()));
        self
    }

    /// How often a message may be relayed, at least once: one that was more often is rejected,
    /// because its routes lead in a circle. It is counted in the header `tracehop-hops`. Default:
    /// 32.
    pub fn most_hops(mut self, hops: u32) -> Self {
        self.most_hops = hops.max(1);
        self
    }

    /// Passes on the baggage members alone of whose keys `passes` holds. Default: the whole header,
    /// byte for byte.
    pub fn baggage(mut self, passes: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.members = Some(Arc::new(passes));
        self
    }

    /// Changes each message before it is sent, or refuses it: gives it the group that a FIFO queue
    /// asks for, or another key. Default: it goes as it came.
    pub fn edit(
        mut self,
        edit: impl Fn(&mut Message) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Self {
        self.edit = Some(Arc::new(edit));
        self
    }

    /// Sends what it takes from `waiting` until something fails that is to be tried again, and
    /// waits for every confirm: what comes later than that must not overtake the next try.
    async fn forward(
        &self,
        waiting: &mut (impl Iterator<Item = Delivery<()>> + Send),
        tried: &mut Vec<Tried>,
        rules: &Rules,
    ) -> Result<(), Failure> {
        let mut confirms = FuturesUnordered::new();
        let mut stopped = false;
        while !stopped && let Some(delivery) = waiting.next() {
            let place = tried.len();
            let (incoming, mut span) = rules.begin(delivery);
            let hop = hops(&incoming).saturating_add(1);
            span.relayed(self.name(incoming.destination()), hop);
            let process = span.context().clone();
            tried.push(Tried::new(incoming.clone(), span));
            match self.enqueue(&incoming, hop, &process, rules).await {
                Ok(confirm) => confirms.push(async move { (place, confirm.await) }),
                Err(failure) => stopped = tried[place].told(Err(failure)),
            }
            // What has failed by now stops the run before more of it overtakes.
            while let Some(Some((place, sent))) = confirms.next().now_or_never() {
                stopped |= tried[place].told(sent.map(drop).map_err(failure));
            }
        }
        while let Some((place, sent)) = confirms.next().await {
            tried[place].told(sent.map(drop).map_err(failure));
        }
        Ok(())
    }

    async fn enqueue(
        &self,
        incoming: &Incoming,
        hop: u32,
        process: &Context,
        rules: &Rules,
    ) -> Result<Confirm, Failure> {
        if hop > self.most_hops {
            let reason = format!("relayed {} times already, in a circle", hop - 1);
            return Err(Failure::reject(reason).with_type("too_many_hops"));
        }
        let mut message = Message::clone(incoming);
        // They are of the message in hand, whether or not the sink knows of that.
        let propagator = rules.instrumentation.propagator_for(incoming.destination());
        hop::strip(&mut message.headers, &*propagator);
        message.headers.set(HOPS, hop.to_string());
        if let Some(edit) = &self.edit {
            edit(&mut message)?;
        }
        let target = self.sink.destination();
        carry::carry(&mut message, incoming.destination(), target).map_err(Failure::reject)?;
        let parent = parent(process, self.members.as_deref());
        let enqueueing = self.sink.enqueue(message, &parent);
        enqueueing
            .with_context(process.clone())
            .await
            .map_err(failure)
    }

    fn name(&self, from: &Destination) -> Arc<str> {
        self.route
            .clone()
            .unwrap_or_else(|| hop::route(from, self.sink.destination()).into())
    }
}

impl<K: Sink> sealed::Sealed for Relay<K> {}

impl<K: Sink> Work for Relay<K> {
    fn most(&self) -> usize {
        self.run
    }

    async fn work(&self, deliveries: Few<Delivery<()>>, rules: &Rules) -> Worked {
        let leases: Vec<Lease> = deliveries
            .iter()
            .map(|delivery| delivery.lease.clone())
            .collect();
        let all_lost = async { drop(join_all(leases.iter().map(Lease::lost)).await) };
        let mut tried = Vec::with_capacity(deliveries.len());
        let mut waiting = deliveries.into_iter();
        let forwarding = self.forward(&mut waiting, &mut tried, rules);
        let ended = rules.run(forwarding, all_lost).await;
        let tried = tried.into_iter().map(|tried| tried.handled(&ended));
        Worked {
            handled: tried.chain(waiting.map(unseen)).collect(),
            batch: None,
        }
    }
}

/// What the target cannot carry today it cannot carry tomorrow; anything else may pass.
fn failure(error: Error) -> Failure {
    let code = error.code().to_owned();
    let failure = match error.kind() {
        ErrorKind::Payload => Failure::reject(error),
        _ => Failure::new(error),
    };
    failure.with_type(code)
}

impl<K: Sink> fmt::Debug for Relay<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("target", &self.sink.destination().to_string())
            .field("run", &self.run)
            .field("most_hops", &self.most_hops)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}
