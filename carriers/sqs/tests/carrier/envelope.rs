//! Context in the envelope of SNS or EventBridge around a message.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use proptest::prelude::*;
use tracehop_propagation::{Composite, Datadog, Extracted, RemoteLink, XRay};
use tracehop_sqs::{HeaderExtractor, MAX_ENVELOPE_BYTES, extract, extract_reported};

use crate::{TRACEPARENT, every_format, string};

const VECTORS: &str = include_str!("../vectors/envelopes.txt");
const OTHER: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
const OTHER_AWS: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

fn formats() -> Composite {
    every_format().with(Datadog)
}

fn notification(attributes: &str) -> String {
    format!(r#"{{"Type":"Notification","Message":"m","MessageAttributes":{{{attributes}}}}}"#)
}

fn field(name: &str, value: &str) -> String {
    format!(r#""{name}":{{"Type":"String","Value":"{value}"}}"#)
}

fn event(datadog: &str) -> String {
    format!(r#"{{"version":"0","detail-type":"d","detail":{{"_datadog":{datadog}}}}}"#)
}

fn message(attributes: &[(&str, &str)], aws: Option<&str>, body: &str) -> Message {
    let mut message = Message::builder().body(body);
    for (name, value) in attributes {
        message = message.message_attributes(*name, string(value));
    }
    if let Some(header) = aws {
        message = message.attributes(MessageSystemAttributeName::AwsTraceHeader, header);
    }
    message.build()
}

fn read(composite: &Composite, message: &Message) -> Extracted {
    let carrier = HeaderExtractor::from(message).envelope(message.body());
    carrier.extract(composite)
}

fn span_id(extracted: &Extracted) -> String {
    let span = extracted.context.span();
    span.span_context().span_id().to_string()
}

/// What an extraction came to, as the vectors say it.
fn said(extracted: &Extracted) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(format) = extracted.format {
        let span = extracted.context.span();
        let span = span.span_context();
        said.push(format!("{} {} {format}", span.trace_id(), span.span_id()));
    }
    let baggage = extracted.context.baggage().iter();
    let mut members: Vec<_> = baggage
        .map(|(key, (value, _))| format!("{key}={value}"))
        .collect();
    members.sort_unstable();
    if !members.is_empty() {
        said.push(format!("baggage {}", members.join(" ")));
    }
    let malformed = extracted.malformed.iter();
    said.extend(malformed.map(|format| format!("malformed {format}")));
    if extracted.is_missing() {
        said.push("missing".to_owned());
    }
    said
}

#[test]
fn context_is_found_in_the_envelopes_that_services_write() {
    let cases: Vec<_> = VECTORS.split("\n## ").skip(1).collect();
    assert!(cases.len() > 40);
    for case in cases {
        let (name, rest) = case.split_once('\n').unwrap();
        let (body, expected) = rest.split_once("\n> ").unwrap();
        let expected: Vec<_> = expected.trim_end().split("\n> ").collect();
        let message = message(&[], None, body);
        assert_eq!(said(&read(&formats(), &message)), expected, "{name}");
        assert!(
            extract_reported(&formats(), &message).is_missing(),
            "{name}"
        );
    }
}

#[test]
fn bodies_are_looked_into_only_where_that_is_switched_on() {
    let message = message(&[], None, &notification(&field("traceparent", TRACEPARENT)));
    assert!(
        !extract(&formats(), &message)
            .span()
            .span_context()
            .is_valid()
    );
    assert_eq!(span_id(&read(&formats(), &message)), "00f067aa0ba902b7");
}

#[test]
fn attributes_go_before_the_envelope_whatever_their_format() {
    let body = notification(&field("traceparent", OTHER));
    let datadog = r#"{"x-datadog-trace-id":"1","x-datadog-parent-id":"2"}"#;
    let message = message(&[("_datadog", datadog)], None, &body);
    let extracted = read(&formats(), &message);
    assert_eq!(
        (span_id(&extracted).as_str(), extracted.format),
        ("0000000000000002", Some("datadog"))
    );
}

#[test]
fn an_invalid_attribute_does_not_hide_the_envelope_and_is_counted() {
    let body = notification(&field("traceparent", OTHER));
    let message = message(
        &[("traceparent", "00-nonsense"), ("tracestate", "a=b")],
        None,
        &body,
    );
    let extracted = read(&formats(), &message);
    assert_eq!(span_id(&extracted), "53995c3f42cd8ad8");
    assert_eq!(extracted.malformed, ["tracecontext"]);
    let span = extracted.context.span();
    assert_eq!(
        span.span_context().trace_state().header(),
        "",
        "of another context"
    );
}

#[test]
fn baggage_of_the_attributes_goes_before_that_of_the_envelope() {
    let fields = [
        field("traceparent", OTHER),
        field("baggage", "tenant=inner"),
    ];
    let body = notification(&fields.join(","));
    let own = read(
        &formats(),
        &message(&[("baggage", "tenant=own")], None, &body),
    );
    assert_eq!(said(&own)[1], "baggage tenant=own");
    let inner = read(&formats(), &message(&[], None, &body));
    assert_eq!(said(&inner)[1], "baggage tenant=inner");
}

#[test]
fn the_trace_header_of_a_service_on_the_way_goes_behind_the_envelope() {
    let body = notification(&field("traceparent", TRACEPARENT));
    let message = message(&[], Some(OTHER_AWS), &body);
    for composite in [Composite::default(), every_format()] {
        assert_eq!(span_id(&read(&composite, &message)), "00f067aa0ba902b7");
    }
    let listed_first = Composite::none()
        .with(XRay)
        .with(tracehop_propagation::TraceContext);
    assert_eq!(span_id(&read(&listed_first, &message)), "53995c3f42cd8ad8");
}

#[test]
fn the_trace_header_stands_where_neither_attributes_nor_envelope_bring_a_parent() {
    let bodies = [
        notification(""),
        event("[]"),
        r#"{"Type":"Notification""#.to_owned(),
    ];
    for body in bodies {
        let sampled = message(&[], Some(OTHER_AWS), &body);
        assert_eq!(
            span_id(&read(&Composite::default(), &sampled)),
            "53995c3f42cd8ad8",
            "{body}"
        );
        let unsampled = OTHER_AWS.replace("Sampled=1", "Sampled=0");
        let unsampled = read(
            &Composite::default(),
            &message(&[], Some(&unsampled), &body),
        );
        assert!(unsampled.format.is_none() && RemoteLink::of(&unsampled.context).is_some());
    }
}

#[test]
fn without_formats_nothing_is_read() {
    let body = notification(&field("traceparent", TRACEPARENT));
    let extracted = read(&Composite::none(), &message(&[], Some(OTHER_AWS), &body));
    assert!(extracted.is_missing());
}

#[test]
fn an_envelope_is_looked_into_up_to_the_limit() {
    let begin = r#"{"Type":"Notification","Message":""#;
    let end = format!(
        r#"","MessageAttributes":{{{}}}}}"#,
        field("traceparent", TRACEPARENT)
    );
    let of = |length: usize| {
        let filler = "m".repeat(length - begin.len() - end.len());
        format!("{begin}{filler}{end}")
    };
    let at = read(&formats(), &message(&[], None, &of(MAX_ENVELOPE_BYTES)));
    assert_eq!(
        (span_id(&at).as_str(), &*at.malformed),
        ("00f067aa0ba902b7", &[][..])
    );
    let above = read(&formats(), &message(&[], None, &of(MAX_ENVELOPE_BYTES + 1)));
    assert_eq!((above.format, &*above.malformed), (None, &["envelope"][..]));
}

#[test]
fn hostile_envelopes_take_bounded_time_and_memory() {
    let deep = |open: &str, close: &str| {
        let depth = 20_000;
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    let many: Vec<_> = (0..9_000)
        .map(|i| field(&format!("ot-baggage-k{i}"), "v"))
        .collect();
    let long = "x".repeat(400_000);
    let hostile = [
        event(&deep("[", "]")),
        event(&deep(r#"{"x-datadog-trace-id":"#, "}")),
        notification(&format!(r#""traceparent":{}"#, deep("[", "]"))),
        format!(r#"{{"Type":"Notification","Message":{}}}"#, deep("[", "]")),
        notification(&many.join(",")),
        notification(&field("_datadog", &long)),
        notification(&field("traceparent", &long)),
        format!(
            r#"{{"Type":"Notification","Message":"{{{}"}}"#,
            r"\n".repeat(200_000)
        ),
    ];
    for body in hostile {
        assert!(body.len() <= MAX_ENVELOPE_BYTES);
        let begin = std::time::Instant::now();
        let extracted = read(&formats(), &message(&[], None, &body));
        assert!(extracted.format.is_none(), "{}", &body[..60]);
        assert!(begin.elapsed().as_secs() < 2, "{}", &body[..60]);
    }
}

/// Bodies of which some are envelopes, and some nearly.
fn any_body() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => "\\PC{0,20}",
        2 => prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "\\", "null", "0", "\n",
            r#"{"Type":"Notification","#, r#""MessageAttributes":{"#, r#""Message":""#,
            r#""traceparent":{"Type":"String","Value":"#, r#"{"Type":"Binary","Value":"#,
            r#"{"version":"0","detail-type":"d","#, r#""detail":{"_datadog":"#,
            r#"{"x-datadog-trace-id":"#, r#""x-datadog-parent-id":"#, "\"1\"",
        ]).prop_map(str::to_owned),
    ];
    prop_oneof![
        1 => "\\PC{0,60}",
        3 => prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat()),
        3 => ("\\PC{0,60}", "\\PC{0,60}").prop_map(|(trace, datadog)| {
            let escape = |text: &str| serde_json::Value::from(text).to_string();
            let fields = [("traceparent", trace), ("_datadog", datadog)];
            let fields = fields.map(|(name, text)| {
                format!(r#""{name}":{{"Type":"String","Value":{}}}"#, escape(&text))
            });
            notification(&fields.join(","))
        }),
        1 => "\\PC{0,60}".prop_map(|json| event(&json)),
    ]
}

proptest! {
    #[test]
    fn no_body_panics_or_yields_an_invalid_context(body in any_body()) {
        let message = message(&[], None, &body);
        let extracted = read(&formats(), &message);
        let span = extracted.context.span();
        prop_assert_eq!(span.span_context().is_valid(), extracted.format.is_some());
    }

    #[test]
    fn no_bytes_cut_out_of_an_envelope_panic(index in any::<prop::sample::Index>(), cut in 0..40_usize) {
        let cases: Vec<_> = VECTORS.split("\n## ").skip(1).collect();
        let case = index.get(&cases);
        let start = index.index(case.len());
        let kept = case.char_indices().filter(|(at, _)| !(start..start + cut).contains(at));
        let body: String = kept.map(|(_, character)| character).collect();
        let (_, body) = body.split_once('\n').unwrap_or(("", &body));
        let extracted = read(&formats(), &message(&[], None, body));
        let span = extracted.context.span();
        prop_assert_eq!(span.span_context().is_valid(), extracted.format.is_some());
    }

    #[test]
    fn an_envelope_never_replaces_a_parent_of_the_attributes(body in any_body()) {
        let attributes = [("traceparent", TRACEPARENT)];
        let extracted = read(&formats(), &message(&attributes, None, &body));
        prop_assert_eq!(span_id(&extracted), "00f067aa0ba902b7");
    }
}
