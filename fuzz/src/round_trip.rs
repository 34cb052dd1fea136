use std::collections::BTreeMap;

use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::Extractor,
    trace::{SpanContext, TraceContextExt},
};
use tracehop_propagation::{Composite, Extracted, Format, Sampling, XRayLineage};

use crate::Headers;

/// [`round_trip`] with one format alone, which says the same of sampling again, and writes the same
/// again.
pub fn one_format(format: impl Format, carrier: &dyn Extractor) -> Extracted {
    let composite = Composite::none().with(format);
    let (first, second) = round_trip(&composite, carrier);
    assert_eq!(second.format, first.format);
    assert_eq!(Sampling::of(&second.context), Sampling::of(&first.context));
    let [(once, dropped), (again, _)] = [&first, &second].map(|read| {
        let mut sent = Headers::default();
        let dropped = composite.inject_reported(&read.context, &mut sent);
        (sent, dropped)
    });
    if dropped.total() == 0 {
        assert_eq!(again, once);
    }
    first
}

/// Reads, writes what was read, and reads that: the second time it is the same.
pub fn round_trip(composite: &Composite, carrier: &dyn Extractor) -> (Extracted, Extracted) {
    let first = composite.extract_reported(&Context::new(), carrier);
    assert_sound(&first);

    let mut sent = Headers::default();
    let dropped = composite.inject_reported(&first.context, &mut sent);
    sent.assert_writable();
    let second = composite.extract_reported(&Context::new(), &sent);
    assert_sound(&second);
    let wrote = sent.to_text();
    assert!(second.malformed.is_empty(), "{wrote}");
    assert_eq!(span_context(&second), span_context(&first), "{wrote}");
    let lineages = [&second, &first].map(|it| XRayLineage::of(&it.context));
    assert_eq!(
        lineages[0],
        lineages[1].filter(|_| first.format.is_some()),
        "{wrote}"
    );
    // Nothing comes back that was not there, and all of it where nothing had to be left out.
    let (again, mut once) = (baggage(&second), baggage(&first));
    if first.format.is_none() {
        // They go with a trace only.
        once.retain(|key, _| !key.starts_with("sentry-"));
    }
    if dropped.total() == 0 {
        assert_eq!(again, once, "{wrote}");
    }
    assert!(
        again.iter().all(|(key, said)| once.get(key) == Some(said)),
        "{wrote}"
    );
    (first, second)
}

/// What may be told of anything that was read.
pub fn assert_sound(extracted: &Extracted) {
    let span_context = span_context(extracted);
    let found = extracted.format.is_some();
    assert_eq!(span_context.is_valid(), found);
    assert_eq!(span_context.is_remote(), found);
    assert_eq!(extracted.context.has_active_span(), found);
    assert_eq!(span_context.trace_flags().to_u8() & !0x03, 0);
    let state = span_context.trace_state().into_iter();
    assert!(state.count() <= 32);
    assert!(extracted.context.baggage().len() <= 64);
}

fn span_context(extracted: &Extracted) -> SpanContext {
    extracted.context.span().span_context().clone()
}

/// Values and properties by key.
fn baggage(extracted: &Extracted) -> BTreeMap<String, (String, Vec<String>)> {
    let members = extracted.context.baggage().iter();
    let members = members.map(|(key, (value, metadata))| {
        let said = (value.to_string(), properties(metadata.as_str()));
        (key.to_string(), said)
    });
    members.collect()
}

/// Without white space around them and around `=`, and without empty ones: they say the same.
fn properties(metadata: &str) -> Vec<String> {
    let properties = metadata.split(';').map(str::trim);
    let properties = properties.filter(|property| !property.is_empty());
    let properties = properties.map(|property| {
        let parts: Vec<_> = property.splitn(2, '=').map(str::trim).collect();
        parts.join("=")
    });
    properties.collect()
}
