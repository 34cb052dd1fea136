use opentelemetry::{Context, baggage::BaggageExt, trace::TraceContextExt};
use proptest::prelude::*;
use tracehop_propagation::{
    Composite, TraceContext, W3cBaggage, XRay, parse_traceparent, traceparent,
};

use crate::{Headers, inject};

fn all() -> Composite {
    Composite::none()
        .with(TraceContext)
        .with(W3cBaggage)
        .with(XRay)
}

/// Bytes of any kind, as text, and text that is nearly right: a valid header with a piece replaced.
fn nearly(valid: &'static str) -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200)
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let edited = (
        0..=valid.len(),
        0..=valid.len(),
        "[0-9a-fA-F=;,? \\-]{0,4}|\\PC{0,2}",
    )
        .prop_map(move |(from, to, piece)| {
            format!(
                "{}{piece}{}",
                &valid[..from.min(to)],
                &valid[from.max(to)..]
            )
        });
    prop_oneof![bytes, edited]
}

fn headers() -> impl Strategy<Value = [String; 4]> {
    [
        nearly("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").boxed(),
        nearly("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7").boxed(),
        nearly("userId=alice;p=1,serverNode=DF%2028,isProduction=false").boxed(),
        nearly("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0").boxed(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_input_panics_or_yields_an_invalid_context(values in headers()) {
        let fields = ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"];
        let headers: Vec<_> = fields.iter().zip(&values).map(|(field, value)| (*field, value.as_str())).collect();
        let extracted = all().extract_reported(&Context::new(), &Headers(&headers));

        let span_context = extracted.context.span().span_context().clone();
        prop_assert_eq!(span_context.is_valid(), extracted.format.is_some());
        prop_assert_eq!(extracted.context.has_active_span(), extracted.format.is_some());
        prop_assert!(span_context.trace_state().into_iter().count() <= 32);
        prop_assert!(extracted.context.baggage().len() <= 64);

        // And whatever was read can be written: printable ASCII, never empty, and read again as it is.
        let sent = inject(&all(), &extracted.context);
        for (field, value) in &sent {
            prop_assert!(!value.is_empty() && value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "{field}: {value:?}");
        }
        let sent: Vec<_> = sent.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
        let again = all().extract_reported(&Context::new(), &Headers(&sent));
        prop_assert_eq!(crate::parent(&again.context), span_context);
        prop_assert_eq!(again.context.baggage().len(), extracted.context.baggage().len());
        prop_assert_eq!(again.malformed, Vec::<&str>::new());
    }

    #[test]
    fn a_traceparent_that_is_read_is_written_the_same(value in nearly("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")) {
        if let Some(span_context) = parse_traceparent(&value) {
            prop_assert!(span_context.is_valid() && span_context.is_remote());
            prop_assert_eq!(&traceparent(&span_context).unwrap()[3..53], &value.trim()[3..53]);
        }
    }
}

/// A message may be a megabyte; reading one is a single pass, and what is kept is bounded.
#[test]
fn a_megabyte_of_members_is_read_in_one_pass() {
    let members = "a=1,".repeat(256 * 1024);
    for header in [
        members.as_str(),
        &",".repeat(1 << 20),
        &";".repeat(1 << 20),
        &"=".repeat(1 << 20),
        &"%".repeat(1 << 20),
    ] {
        let fields = ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"];
        let headers: Vec<_> = fields
            .iter()
            .map(|field| (*field, header))
            .chain([("traceparent", header)])
            .collect();
        let extracted = all().extract_reported(&Context::new(), &Headers(&headers));
        assert_eq!(extracted.format, None);
        assert!(extracted.context.baggage().len() <= 64);
    }
    let headers = [("baggage", members.as_str())];
    let extracted = all().extract_reported(&Context::new(), &Headers(&headers));
    assert_eq!(extracted.baggage_dropped.members, 256 * 1024 - 64);
}
