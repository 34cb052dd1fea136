#![no_main]

use std::sync::LazyLock;

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use libfuzzer_sys::fuzz_target;
use opentelemetry::{Context, trace::TraceContextExt};
use tracehop_fuzz::{Headers, assert_sound, round_trip};
use tracehop_propagation::{Composite, Datadog, TraceContext, W3cBaggage, XRay};
use tracehop_sqs::{HeaderExtractor, MAX_ENVELOPE_BYTES};

/// The message's own.
const OWN: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

static FORMATS: LazyLock<Composite> = LazyLock::new(|| {
    let w3c = Composite::none().with(TraceContext).with(W3cBaggage);
    w3c.with(XRay).with(Datadog)
});

fuzz_target!(|input: &[u8]| {
    let body = String::from_utf8_lossy(input);
    let message = SqsMessage::default();
    let carrier = HeaderExtractor::from(&message).envelope(Some(&body));
    let extracted = carrier.extract(&FORMATS);
    assert_sound(&extracted);

    // What was found can be written, and is read again.
    let mut sent = Headers::default();
    FORMATS.inject_reported(&extracted.context, &mut sent);
    let (again, _) = round_trip(&FORMATS, &sent);
    let [read, again] = [&extracted, &again].map(|it| it.context.span().span_context().clone());
    assert_eq!(again, read);

    // An envelope that cannot be read is none: what is in it does not show.
    let is_malformed = extracted.malformed.contains(&HeaderExtractor::ENVELOPE);
    assert!(!is_malformed || extracted.format.is_none());
    let begins_like_one = body.trim_start().starts_with('{');
    assert!(begins_like_one || extracted.is_missing());
    assert!(body.len() <= MAX_ENVELOPE_BYTES || extracted.format.is_none());

    // A message's own context goes before that of its envelope.
    let own = Headers::of("traceparent", OWN);
    let own = FORMATS.extract_reported(&Context::new(), &own);
    let mut message = SqsMessage::default();
    message
        .message_attributes
        .insert("traceparent".to_owned(), attribute(OWN));
    let both = HeaderExtractor::from(&message)
        .envelope(Some(&body))
        .extract(&FORMATS);
    assert_eq!(
        both.context.span().span_context(),
        own.context.span().span_context()
    );
});

fn attribute(value: &str) -> SqsMessageAttribute {
    let mut attribute = SqsMessageAttribute::default();
    attribute.data_type = Some("String".to_owned());
    attribute.string_value = Some(value.to_owned());
    attribute
}
