#![no_main]

use libfuzzer_sys::fuzz_target;
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::B3;

fuzz_target!(|input: &[u8]| {
    one_format(B3, &Headers::parse(input));
});
