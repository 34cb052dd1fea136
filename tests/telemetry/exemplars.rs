//! Exemplars are taken from what is current while a value is recorded.

use std::fmt;
use std::sync::{Arc, Mutex};

use opentelemetry::metrics::{
    AsyncInstrumentBuilder, Callback, Histogram, HistogramBuilder, InstrumentProvider, Meter,
    MeterProvider, ObservableCounter, SyncInstrument,
};
use opentelemetry::trace::{SpanId, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use tracehop::telemetry::{MessageFacts, Outcome, ProcessStart, Processed, Scope, SendStart};
use tracehop::testing::Recorder;

use super::{created, orders};

/// Meters whose histograms keep, for each value, the span that was current.
#[derive(Clone, Default)]
struct Meters {
    recorded: Arc<Mutex<Vec<SpanId>>>,
    callbacks: Arc<Mutex<Vec<Vec<Callback<u64>>>>>,
}

impl MeterProvider for Meters {
    fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(self.clone()))
    }
}

impl InstrumentProvider for Meters {
    fn f64_histogram(&self, _: HistogramBuilder<'_, Histogram<f64>>) -> Histogram<f64> {
        Histogram::new(Arc::new(self.clone()))
    }

    /// Keeps the callback, as an SDK does.
    fn u64_observable_counter(
        &self,
        builder: AsyncInstrumentBuilder<'_, ObservableCounter<u64>, u64>,
    ) -> ObservableCounter<u64> {
        self.callbacks.lock().unwrap().push(builder.callbacks);
        ObservableCounter::new()
    }
}

impl SyncInstrument<f64> for Meters {
    fn measure(&self, _: f64, _: &[KeyValue]) {
        let current = Context::current().span().span_context().span_id();
        self.recorded.lock().unwrap().push(current);
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

#[test]
fn durations_are_recorded_in_the_context_of_their_span() {
    let (recorder, meters) = (Recorder::new(), Meters::default());
    let instrumentation = recorder.builder().meter_provider(meters.clone()).build();
    let (queue, creation) = (orders(), created(7));
    let send = instrumentation.send(&SendStart {
        destination: &queue,
        parent: &Context::new(),
        batch_count: None,
        creation: true,
        messages: &[],
        facts: MessageFacts::NONE,
    });
    send.end(&Outcome::success());
    let process = instrumentation.process(&ProcessStart {
        destination: &queue,
        creation: &creation,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope: Scope::Worker,
    });
    process.end(&Processed::default());

    let spans = ["send orders", "process orders"];
    let spans = spans.map(|name| recorder.span(name).span_context.span_id());
    assert_eq!(*meters.recorded.lock().unwrap(), spans);
}
