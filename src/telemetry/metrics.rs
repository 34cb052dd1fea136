use std::sync::Arc;

use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

use super::names;

/// Seconds, as the messaging metrics of the semantic conventions v1.44.0 advise.
const DURATIONS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Seconds; messages wait in queues for as long as days.
const QUEUE_TIMES: [f64; 21] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
    300.0, 900.0, 3600.0, 21_600.0, 86_400.0,
];

/// The instruments.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) operation_duration: Histogram<f64>,
    pub(super) process_duration: Histogram<f64>,
    pub(super) sent_messages: Counter<u64>,
    pub(super) consumed_messages: Counter<u64>,
    pub(super) queue_time: Histogram<f64>,
    pub(super) injected: Counter<u64>,
    pub(super) extracted: Counter<u64>,
    pub(super) missing: Counter<u64>,
    pub(super) malformed: Counter<u64>,
    pub(super) dropped: Counter<u64>,
    pub(super) baggage_dropped: Counter<u64>,
    pub(super) settled: Counter<u64>,
    pub(super) leases_lost: Counter<u64>,
    pub(super) in_flight: UpDownCounter<i64>,
}

impl Metrics {
    pub(super) fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, description: &'static str, boundaries: &[f64]| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(boundaries.to_vec())
                .build()
        };
        let count = |name: &'static str, unit: &'static str, description: &'static str| {
            let counter = meter.u64_counter(name);
            counter
                .with_unit(unit)
                .with_description(description)
                .build()
        };
        let messages = |name, description| count(name, "{message}", description);
        Self {
            operation_duration: seconds(
                names::OPERATION_DURATION,
                "Duration of a messaging operation that a client began",
                &DURATIONS,
            ),
            process_duration: seconds(
                names::PROCESS_DURATION,
                "Duration of processing",
                &DURATIONS,
            ),
            sent_messages: messages(
                names::SENT_MESSAGES,
                "Messages that a producer tried to send",
            ),
            consumed_messages: messages(
                names::CONSUMED_MESSAGES,
                "Messages that were delivered to the application",
            ),
            queue_time: seconds(
                names::QUEUE_TIME,
                "Time from the broker's timestamp until hand-over",
                &QUEUE_TIMES,
            ),
            injected: messages(names::INJECTED, "Messages that context was written to"),
            extracted: messages(names::EXTRACTED, "Messages that a parent was read from"),
            missing: messages(names::MISSING, "Messages that came with no context"),
            malformed: messages(names::MALFORMED, "Messages with context that was unusable"),
            dropped: messages(names::DROPPED, "Fields that were not written to a message"),
            baggage_dropped: count(
                names::BAGGAGE_DROPPED,
                "{member}",
                "Baggage members that were not kept",
            ),
            settled: messages(names::SETTLED, "Messages that a worker settled"),
            leases_lost: messages(names::LEASES_LOST, "Messages whose lease was lost"),
            in_flight: meter
                .i64_up_down_counter(names::IN_FLIGHT)
                .with_unit("{message}")
                .with_description("Messages that a worker has in hand")
                .build(),
        }
    }
}

/// Whether this is the API's no-op meter. It says so in one way only: it forgets the callback of
/// an observable instrument, which an SDK keeps. The callback observes nothing, so there is nothing
/// to export.
pub(super) fn is_noop(meter: &Meter) -> bool {
    let kept = Arc::new(());
    let callback = Arc::clone(&kept);
    meter
        .u64_observable_counter(names::PROBE)
        .with_callback(move |_| _ = &callback)
        .build();
    Arc::strong_count(&kept) == 1
}

/// Reports the spans that an exporter pipeline lost, by reason, on a meter of `meters`.
#[cfg(feature = "setup")]
pub(crate) fn observe_dropped_spans<const N: usize>(
    meters: &impl opentelemetry::metrics::MeterProvider,
    dropped: impl Fn() -> [(&'static str, u64); N] + Send + Sync + 'static,
) {
    meters
        .meter_with_scope(names::scope())
        .u64_observable_counter(names::SPANS_DROPPED)
        .with_unit("{span}")
        .with_description("Spans that were not exported")
        .with_callback(move |observer| {
            for (reason, count) in dropped() {
                let reason = opentelemetry::KeyValue::new(names::REASON, reason);
                observer.observe(count, &[reason]);
            }
        })
        .build();
}
