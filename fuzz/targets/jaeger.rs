#![no_main]

use libfuzzer_sys::fuzz_target;
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::Jaeger;

fuzz_target!(|input: &[u8]| {
    one_format(Jaeger, &Headers::parse(input));
});
