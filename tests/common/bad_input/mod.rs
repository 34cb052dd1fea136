//! Messages whose context is as bad as it gets, in every format: each is handled, and the counters
//! say why it has no parent.

mod cases;

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, Sink, Source};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop::worker::{Failure, Incoming, Worker};
use tracehop_propagation::Composite;

use cases::{Case, cases};

const LIMIT: Duration = Duration::from_secs(30);

/// How large a header may be, and how many a message may have, where the broker has bounds.
#[derive(Clone, Copy)]
pub(crate) struct Most {
    pub(crate) bytes: usize,
    pub(crate) headers: usize,
}

/// An instrumentation that reads every format.
pub(crate) fn instrumentation(recorder: &Recorder) -> Instrumentation {
    let formats = "tracecontext,baggage,b3,b3multi,jaeger,xray,datadog,gcp,sentry";
    let formats = Composite::from_names(formats);
    recorder.builder().propagator(formats).build()
}

/// Sends each message as it is, and has a worker handle it.
pub(crate) async fn is_survived<S: Source>(
    source: S,
    sink: &impl Sink,
    instrumentation: Instrumentation,
    recorder: &Recorder,
    most: Most,
) {
    let (seen, mut handled) = mpsc::unbounded_channel();
    let worker = Worker::new(source, move |incoming: Incoming| {
        let sent = seen.send(incoming);
        async move { sent.map_err(Failure::from) }
    });
    let stop = CancellationToken::new();
    let check = async {
        for case in cases(most) {
            let before = counted(recorder);
            send(sink, &case).await;
            let incoming = timeout(LIMIT, handled.recv()).await;
            let incoming = incoming.expect(&case.about).unwrap();
            case.check(&incoming, &before, &counted(recorder));
        }
        stop.cancel();
    };
    let worker = worker.instrumentation(instrumentation);
    let (worker, ()) = tokio::join!(worker.run_until(stop.cancelled()), check);
    worker.unwrap();
}

/// As it comes from elsewhere: nothing of ours is put on it.
async fn send(sink: &impl Sink, case: &Case) {
    let mut message = Message::new(case.about.clone());
    for (name, value) in &case.headers {
        message.headers.append(name.clone(), value.clone());
    }
    let quiet = Context::new().with_telemetry_suppressed();
    let confirm = sink.enqueue(message, &quiet).await;
    confirm.expect(&case.about).await.expect(&case.about);
}

/// What propagation has counted until now: by metric, and by what it was about.
type Counted = BTreeMap<(&'static str, String), f64>;

fn counted(recorder: &Recorder) -> Counted {
    let mut counted = Counted::new();
    for (metric, by) in [
        ("tracehop.propagation.extracted", ""),
        ("tracehop.propagation.missing", ""),
        ("tracehop.propagation.malformed", "tracehop.format"),
        ("tracehop.baggage.dropped", "tracehop.reason"),
    ] {
        for series in recorder.metric(metric) {
            let about = series.attributes.get(by).cloned().unwrap_or_default();
            *counted.entry((metric, about)).or_default() += series.value;
        }
    }
    counted
}

impl Case {
    fn check(&self, incoming: &Incoming, before: &Counted, after: &Counted) {
        let about = &self.about;
        assert_eq!(incoming.text(), Some(about.as_str()));
        assert_eq!(incoming.trace().parent.is_some(), self.parent, "{about}");
        let kept = incoming.creation_context().baggage().len();
        assert_eq!(kept, self.members, "{about}");

        let mut said = after.clone();
        for (key, count) in before {
            *said.get_mut(key).unwrap() -= count;
        }
        said.retain(|_, count| *count > 0.0);
        let mut expected: Counted = self
            .malformed
            .iter()
            .map(|format| {
                (
                    ("tracehop.propagation.malformed", (*format).to_owned()),
                    1.0,
                )
            })
            .collect();
        if let Some((reason, members)) = self.dropped {
            let key = ("tracehop.baggage.dropped", reason.to_owned());
            expected.insert(key, members.into());
        }
        let is_missing = self.malformed.iter().all(|format| *format == "baggage");
        if self.parent {
            expected.insert(("tracehop.propagation.extracted", String::new()), 1.0);
        } else if is_missing {
            expected.insert(("tracehop.propagation.missing", String::new()), 1.0);
        }
        assert_eq!(said, expected, "{about}");
    }
}
