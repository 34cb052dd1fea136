//! How a list of formats is named: in `OTEL_PROPAGATORS`, and in code.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use opentelemetry::propagation::TextMapPropagator;
use tracehop_propagation::{
    B3, B3Multi, CloudTrace, Composite, Datadog, Format, Jaeger, Sentry, TraceContext, W3cBaggage,
    XRay,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{extract, inject, parent, with_parent};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn the_environment_variable_chooses_the_formats() {
    let names = |list: &str| Composite::from_names(list).names().collect::<Vec<_>>();
    assert_eq!(names(""), ["tracecontext", "baggage"]);
    assert_eq!(names(" , "), ["tracecontext", "baggage"]);
    assert_eq!(names("xray"), ["xray"]);
    assert_eq!(
        names("xray, TraceContext ,baggage"),
        ["xray", "tracecontext", "baggage"]
    );
    assert_eq!(names("baggage,xray,baggage,xray"), ["baggage", "xray"]);
    assert_eq!(names("none"), [""; 0]);
    assert_eq!(names("NONE,xray"), ["xray"]);
    assert_eq!(names("nonsense,xray,other"), ["xray"]);
    assert_eq!(names("nonsense"), [""; 0]);
}

#[test]
fn every_format_has_a_name() {
    let all = "tracecontext,baggage,b3,b3multi,jaeger,xray,datadog,gcp,sentry";
    let composite = Composite::from_names(all);
    assert_eq!(composite.names().collect::<Vec<_>>().join(","), all);
    let in_code = Composite::none()
        .with(TraceContext)
        .with(W3cBaggage)
        .with(B3)
        .with(B3Multi)
        .with(Jaeger)
        .with(XRay)
        .with(Datadog)
        .with(CloudTrace)
        .with(Sentry);
    assert_eq!(in_code.names().collect::<Vec<_>>().join(","), all);
    let mut fields: Vec<_> = composite.fields().collect();
    assert_eq!(fields.len(), 21, "{fields:?}");
    assert_eq!(fields[..3], ["traceparent", "tracestate", "baggage"]);
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(
        fields.len(),
        21,
        "a field that two formats share is there once"
    );
}

#[test]
fn with_none_nothing_is_written_or_read() {
    let none = Composite::from_names("none");
    assert!(inject(&none, &with_parent(TRACEPARENT)).is_empty());
    assert!(!parent(&extract(&none, &[("traceparent", TRACEPARENT)])).is_valid());
    assert_eq!(none.fields().count(), 0);
}

#[test]
fn a_format_named_twice_counts_once() {
    let composite = Composite::new([Arc::new(XRay) as Arc<dyn Format>, Arc::new(XRay)]);
    assert_eq!(composite.names().collect::<Vec<_>>(), ["xray"]);
    assert_eq!(composite.fields().count(), 1);
}

/// Keeps the text of every warning.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.0
                    .extend([field.name(), "=", &format!("{value:?}"), " "]);
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn names_that_are_not_known_are_one_clear_warning() {
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), || {
        Composite::from_names("xray,nonsense,tracecontext,b4");
        Composite::from_names("xray,none");
        let left = Composite::from_names("OtTrace,b3");
        assert_eq!(left.names().collect::<Vec<_>>(), ["b3"]);
    });
    let warnings = warnings.0.lock().unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for part in ["OTEL_PROPAGATORS", "ottrace", "b3, jaeger or tracecontext"] {
        assert!(warnings[1].contains(part), "{part}: {warnings:?}");
    }
    for part in ["OTEL_PROPAGATORS", "nonsense,b4", "xray,tracecontext"] {
        assert!(warnings[0].contains(part), "{part}: {warnings:?}");
    }
}
