#![no_main]

use libfuzzer_sys::fuzz_target;
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::{Datadog, DatadogAttribute};

fuzz_target!(|input: &[u8]| {
    // The attribute has a target of its own.
    let headers = Headers::parse(input).without(DatadogAttribute::FIELD);
    one_format(Datadog, &headers);
});
