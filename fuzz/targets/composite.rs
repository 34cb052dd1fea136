#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use opentelemetry::{Context, baggage::BaggageExt, trace::TraceContextExt};
use tracehop_fuzz::{Headers, round_trip};
use tracehop_propagation::{
    B3, B3Multi, CloudTrace, Composite, Datadog, Format, Jaeger, Sentry, TraceContext, W3cBaggage,
    XRay,
};

static ALONE: LazyLock<Vec<Composite>> = LazyLock::new(|| {
    let formats = formats().into_iter();
    formats.map(|format| Composite::new([format])).collect()
});
static TOGETHER: LazyLock<Composite> = LazyLock::new(|| Composite::new(formats()));

fn formats() -> [Arc<dyn Format>; 9] {
    [
        Arc::new(TraceContext),
        Arc::new(W3cBaggage),
        Arc::new(B3),
        Arc::new(B3Multi),
        Arc::new(Jaeger),
        Arc::new(XRay),
        Arc::new(Datadog),
        Arc::new(CloudTrace),
        Arc::new(Sentry),
    ]
}

fuzz_target!(|input: &[u8]| {
    let headers = Headers::parse(input);
    let (together, _) = round_trip(&TOGETHER, &headers);
    let alone: Vec<_> = ALONE
        .iter()
        .map(|format| format.extract_reported(&Context::new(), &headers))
        .collect();
    // The first of the list that finds a parent is the one that counts.
    let best = alone.iter().find(|found| found.format.is_some());
    assert_eq!(together.format, best.and_then(|best| best.format));
    if let Some(best) = best {
        let (span, best) = (together.context.span(), best.context.span());
        assert_eq!(span.span_context(), best.span_context());
    }
    // No member is lost for there being more formats, but at the limits that all share.
    let dropped = together.baggage_dropped;
    for found in &alone {
        for (key, _) in found.context.baggage() {
            let kept = together.context.baggage().get(key).is_some();
            assert!(kept || dropped.members + dropped.bytes > 0, "{key}");
        }
    }
});
