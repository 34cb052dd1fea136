use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracehop_propagation::Extracted;
use tracehop_sqs::HeaderExtractor;

use crate::contract::Destination;
use crate::telemetry::Instrumentation;

/// The context that a message from `destination` brings: in its attributes, in `AWSTraceHeader`,
/// and in its body where `instrumentation` looks for envelopes.
pub(crate) fn extract<'a>(
    instrumentation: &Instrumentation,
    destination: &Arc<Destination>,
    carrier: HeaderExtractor<'a>,
    body: Option<&'a str>,
) -> Extracted {
    let propagator = instrumentation.propagator_for(destination);
    let carrier = carrier.envelope(body.filter(|_| instrumentation.envelopes()));
    carrier.extract_with(&*propagator, |carrier| propagator.extract(carrier))
}

/// A time as SQS writes it: milliseconds since 1970.
pub(crate) fn timestamp(millis: &str) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis.parse().ok()?))
}
