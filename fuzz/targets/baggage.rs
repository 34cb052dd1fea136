#![no_main]

use libfuzzer_sys::fuzz_target;
use tracehop_fuzz::{Headers, one_format};
use tracehop_propagation::{Composite, ReceivedBaggage, W3cBaggage};

fuzz_target!(|input: &[u8]| {
    let extracted = one_format(W3cBaggage, &Headers::parse(input));

    // A relay that edits nothing writes every byte again, but for members of another trace.
    let forwarded = W3cBaggage::forwarded(&extracted.context);
    let mut sent = Headers::default();
    Composite::none()
        .with(W3cBaggage)
        .inject_reported(&forwarded, &mut sent);
    if let Some(header) = ReceivedBaggage::unedited(&forwarded)
        && !header.contains("sentry-")
    {
        assert_eq!(sent, Headers::of("baggage", header));
    }
});
