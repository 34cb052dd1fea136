use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// Trace ids that begin with a time, as AWS X-Ray's own do: for a tracer provider of one's own.
/// [`Builder::xray_trace_ids`](super::Builder::xray_trace_ids) has it.
///
/// The first 32 bits are the seconds since 1970, the other 96 are random; span ids are random. Since
/// October 2023 X-Ray takes any trace id of W3C Trace Context (it used to drop those whose first 32
/// bits are no time of the last 30 days), from the Amazon CloudWatch agent 1.300030.0 or later or
/// from the AWS Distro for OpenTelemetry Collector 0.34.0 or later. These ids are for who sends
/// through an older one of them, or reads the time out of an id.
///
/// The rightmost 56 bits are random, which is all that W3C's random flag promises (W3C Trace
/// Context, level 2, "random-trace-id flag"), and what samplers by trace id look at.
///
/// Source: AWS X-Ray developer guide, "Tracing header".
///
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use tracehop::setup::XRayIdGenerator;
///
/// let tracers = SdkTracerProvider::builder().with_id_generator(XRayIdGenerator::default()).build();
/// ```
#[derive(Clone, Debug, Default)]
pub struct XRayIdGenerator(RandomIdGenerator);

impl IdGenerator for XRayIdGenerator {
    fn new_trace_id(&self) -> TraceId {
        at(SystemTime::now(), self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Puts the time into the first 32 bits; it counts from 0 again in 2106.
fn at(now: SystemTime, random: TraceId) -> TraceId {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let [.., a, b, c, d] = since.as_secs().to_be_bytes();
    let mut bytes = random.to_bytes();
    bytes[..4].copy_from_slice(&[a, b, c, d]);
    TraceId::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use std::collections::HashSet;
    use std::time::Duration;

    use opentelemetry::trace::{Span as _, SpanContext, Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracehop_propagation::{parse_xray_trace_id, xray_trace_id};

    use super::*;

    fn seconds(trace_id: TraceId) -> u64 {
        let text = trace_id.to_string();
        u64::from_str_radix(&text[..8], 16).unwrap()
    }

    #[test]
    fn the_first_32_bits_are_seconds_and_the_others_stay() {
        // The example of the developer guide.
        let (then, random) = (UNIX_EPOCH + Duration::from_secs(1_465_510_280), u128::MAX);
        let trace_id = at(then, TraceId::from(random));
        assert_eq!(
            xray_trace_id(trace_id),
            "1-5759e988-ffffffffffffffffffffffff"
        );
        assert_eq!(at(then, TraceId::INVALID).to_bytes()[4..], [0; 12]);
    }

    #[test]
    fn a_clock_before_1970_still_gives_an_id() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(at(before, TraceId::from(7)), TraceId::from(7));
    }

    #[test]
    fn roots_have_the_time_of_now_and_random_bits_in_every_place() {
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        let provider = SdkTracerProvider::builder().with_id_generator(XRayIdGenerator::default());
        let tracer = provider.build().tracer("test");
        let before = now();
        let roots: Vec<_> = (0..256)
            .map(|_| tracer.start("root").span_context().clone())
            .collect();
        let after = now();

        let (mut ones, mut zeros) = (0, 0);
        for root in &roots {
            assert!(root.is_valid());
            assert!((before..=after).contains(&seconds(root.trace_id())));
            let text = xray_trace_id(root.trace_id());
            assert_eq!(parse_xray_trace_id(&text), Some(root.trace_id()));
            let bits = u128::from_be_bytes(root.trace_id().to_bytes());
            (ones, zeros) = (ones | bits, zeros | !bits);
        }
        // Each of the 96 bits was seen as 0 and as 1; that one was not has a chance of 2^-249.
        assert_eq!((ones & zeros) << 32, u128::MAX << 32);
        let spans: HashSet<_> = roots.iter().map(SpanContext::span_id).collect();
        assert_eq!(spans.len(), roots.len());
    }
}
