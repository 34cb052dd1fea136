#![no_main]

use libfuzzer_sys::fuzz_target;
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::CloudTrace;

fuzz_target!(|input: &[u8]| {
    one_format(CloudTrace, &Headers::parse(input));
});
