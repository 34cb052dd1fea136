#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry::{Context, trace::TraceContextExt};
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::{Composite, XRay, parse_xray_trace_id, xray_trace_id};

fuzz_target!(|input: &[u8]| {
    let headers = Headers::parse(input);
    one_format(XRay, &headers);
    for (_, value) in headers.iter() {
        as_system_attribute(value);
        if let Some(trace_id) = parse_xray_trace_id(value) {
            assert_eq!(xray_trace_id(trace_id), value);
        }
    }
});

/// `AWSTraceHeader`, with X-Ray not among the formats: a parent that is sampled, else a link.
fn as_system_attribute(header: &str) {
    let nothing = Composite::none().extract_reported(&Context::new(), &Headers::default());
    let extracted = nothing.or_aws_trace_header(header);
    let span = extracted.context.span();
    let parent = span.span_context();
    assert_eq!(parent.is_valid(), extracted.format.is_some());
    assert_eq!(parent.is_valid(), parent.is_sampled());
    if let Some(link) = &extracted.link {
        assert!(link.is_valid() && !link.is_sampled() && !parent.is_valid());
    }
}
