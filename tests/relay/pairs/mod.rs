//! Every broker to every other: all of it arrives, in order, in one trace, while the target fails
//! now and then.

#[cfg(feature = "kafka")]
mod kafka;
mod queues;
#[cfg(feature = "amqp")]
mod rabbitmq;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, Sink as _};
use tracehop::relay::Relay;
use tracehop::testing::conformance::{Fixture, QueueKind};
use tracehop::worker::{Backoff, Incoming, Worker};

use crate::bench::{Fault, LIMIT, Unsteady};
use crate::common::spans::sender;

const LANES: [&str; 3] = ["a", "b", "c"];
const EACH: usize = 20;

/// What a consumer behind the relay sees of a message.
#[derive(Clone, Debug)]
struct Seen {
    incoming: Incoming,
    tenant: Option<String>,
}

async fn all_of_it_arrives_in_order<A: Fixture, B: Fixture>(from: &A, to: &B) {
    let texts = all_of_it_arrives(from, to).await;
    for lane in LANES {
        // One after the other, but for what is sent again, from somewhere before.
        let mut next = 0;
        for text in &texts {
            if let Some(number) = text.strip_prefix(lane) {
                let number = number.parse::<usize>().unwrap();
                assert!(number <= next, "{text} comes too early: {texts:?}");
                next = number + 1;
            }
        }
    }
}

/// The texts, as they were seen behind the relay.
async fn all_of_it_arrives<A: Fixture, B: Fixture>(from: &A, to: &B) -> Vec<String> {
    let source = from.make_queue(QueueKind::Lanes).await;
    let target = to.make_queue(QueueKind::Lanes).await;
    let sender = fill(from, &source).await;

    let seed = fastrand::u64(..);
    let sink = Unsteady::new(to.sink(&target), plan(seed));
    let short = Backoff::new(Duration::from_millis(100), Duration::from_millis(100));
    let relay = Worker::new(from.source(&source), Relay::to(sink).run(10))
        .backoff(short)
        .instrumentation(from.instrumentation());

    let seen = Arc::new(Mutex::new(Vec::new()));
    let (counted, mut counts) = watch::channel(0);
    let list = Arc::clone(&seen);
    let consumer = Worker::new(to.source(&target), move |incoming: Incoming| {
        let tenant = Context::current()
            .baggage()
            .get("tenant")
            .map(ToString::to_string);
        let mut list = list.lock().unwrap();
        list.push(Seen { incoming, tenant });
        counted.send_replace(distinct(&list));
        std::future::ready(Ok(()))
    });
    let consumer = consumer.instrumentation(to.instrumentation());

    let stop = CancellationToken::new();
    let arrived = async {
        let all = LANES.len() * EACH;
        let in_time = timeout(LIMIT, counts.wait_for(|count| *count == all)).await;
        stop.cancel();
        drop(in_time.unwrap_or_else(|_| {
            let seen = seen.lock().unwrap();
            panic!("{} of {all} arrived, seed {seed}", distinct(&seen))
        }));
    };
    let (relay, consumer, ()) = tokio::join!(
        relay.run_until(stop.cancelled()),
        consumer.run_until(stop.cancelled()),
        arrived,
    );
    relay.unwrap().complete().unwrap();
    consumer.unwrap().complete().unwrap();

    let seen = seen.lock().unwrap();
    for Seen { incoming, tenant } in seen.iter() {
        let parent = incoming.trace().parent.clone().unwrap();
        assert_eq!(
            parent.trace_id(),
            sender.trace_id(),
            "one trace, seed {seed}"
        );
        assert_eq!(tenant.as_deref(), Some("Zoë & Söhne"));
        let header = |name: &str| incoming.headers.get(name).and_then(|value| value.as_str());
        assert_eq!(header("tracehop-hops"), Some("1"));
        assert_eq!(header("kind"), Some("order"));
        let content_type = incoming.properties.content_type.as_deref();
        assert_eq!(content_type.or(header("content-type")), Some("text/plain"));
        for name in ["traceparent", "baggage"] {
            let fields = incoming
                .headers
                .iter()
                .filter(|(known, _)| known.as_ref() == name.as_bytes());
            assert_eq!(fields.count(), 1, "{name}");
        }
    }
    seen.iter().map(|seen| text(&seen.incoming)).collect()
}

/// Sends `a0, b0, c0, a1, …`, each in its lane, in one trace and with baggage.
async fn fill<F: Fixture>(fixture: &F, queue: &str) -> SpanContext {
    let sender = sender();
    let cx = Context::new()
        .with_remote_span_context(sender.clone())
        .with_baggage([KeyValue::new("tenant", "Zoë & Söhne")]);
    let sink = fixture.sink(queue);
    let mut confirms = Vec::new();
    for number in 0..EACH {
        for lane in LANES {
            let text = format!("{lane}{number}");
            let message = Message::new(text.clone())
                .with_group(lane)
                .with_dedup_id(text)
                .with_header("kind", "order")
                .with_header("content-type", "text/plain");
            confirms.push(sink.enqueue(message, &cx).await.unwrap());
        }
    }
    for confirm in confirms {
        confirm.await.unwrap();
    }
    sender
}

fn plan(seed: u64) -> Vec<Option<Fault>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let faults = (0..LANES.len() * EACH).map(|_| match random.u32(0..100) {
        0..5 => Some(Fault::Enqueue),
        5..12 => Some(Fault::Unheard),
        _ => None,
    });
    faults.collect()
}

fn distinct(seen: &[Seen]) -> usize {
    let texts: BTreeSet<_> = seen.iter().map(|seen| text(&seen.incoming)).collect();
    texts.len()
}

fn text(message: &Message) -> String {
    message.text().unwrap().to_owned()
}
