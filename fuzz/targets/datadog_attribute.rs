#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry::{Context, baggage::BaggageExt, trace::TraceContextExt};
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::{Composite, Datadog, DatadogAttribute, Sampling};

fuzz_target!(|input: &[u8]| {
    let datadog = Composite::none().with(Datadog);
    let json = String::from_utf8_lossy(input);
    let attribute = Headers::of(DatadogAttribute::FIELD, &json);
    let extracted = datadog.extract_reported(&Context::new(), &attribute);

    // The attribute may hold a `traceparent` instead, so it may say more than the headers can. What
    // they can say comes back.
    let mut headers = Headers::default();
    datadog.inject_reported(&extracted.context, &mut headers);
    let sent = one_format(Datadog, &headers);
    let [read, again] = [&extracted, &sent].map(|it| it.context.span().span_context().clone());
    if again.is_valid() {
        assert_eq!(again.trace_id(), read.trace_id());
        assert_eq!(again.span_id(), read.span_id());
        assert_eq!(again.is_sampled(), read.is_sampled());
    }

    // What goes out as headers and what goes out as one attribute say the same.
    let mut attribute = DatadogAttribute::default();
    for (field, value) in headers.iter() {
        if DatadogAttribute::takes(field) {
            attribute.set(field, value.to_owned());
        } else {
            attribute.set_baggage(value);
        }
    }
    let by_attribute = attribute
        .json()
        .map(|json| Headers::of(DatadogAttribute::FIELD, &json));
    let [by_attribute, by_headers] = [by_attribute.unwrap_or_default(), headers]
        .map(|sent| datadog.extract_reported(&Context::new(), &sent));
    assert_eq!(by_attribute.malformed, by_headers.malformed);
    let [by_attribute, by_headers] = [by_attribute.context, by_headers.context];
    assert_eq!(
        by_attribute.span().span_context(),
        by_headers.span().span_context()
    );
    assert_eq!(Sampling::of(&by_attribute), Sampling::of(&by_headers));
    assert_eq!(by_attribute.baggage().len(), by_headers.baggage().len());
    for (key, (value, _)) in by_headers.baggage() {
        assert_eq!(by_attribute.baggage().get(key), Some(value));
    }
});
