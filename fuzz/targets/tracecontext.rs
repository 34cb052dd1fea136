#![no_main]

use libfuzzer_sys::fuzz_target;
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::{TraceContext, parse_traceparent, traceparent};

fuzz_target!(|input: &[u8]| {
    let headers = Headers::parse(input);
    one_format(TraceContext, &headers);
    for (_, value) in headers.iter() {
        if let Some(span_context) = parse_traceparent(value) {
            let written = traceparent(&span_context).expect("what was read is valid");
            assert_eq!(written.get(2..53), value.trim().get(2..53));
            assert_eq!(parse_traceparent(&written), Some(span_context));
        }
    }
});
