//! Carries OpenTelemetry context on Amazon SQS and SNS messages, within their limits.
//!
//! ```
//! # #[cfg(feature = "sqs")] {
//! use aws_sdk_sqs::{operation::send_message::SendMessageInput, types::Message};
//! use opentelemetry::{Context, trace::TraceContextExt};
//! use tracehop_propagation::{Composite, parse_traceparent};
//! use tracehop_sqs::{Budget, extract, inject};
//!
//! let propagator = Composite::default();
//! let parent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
//! let cx = Context::new().with_remote_span_context(parent.clone());
//!
//! let mut request = SendMessageInput::builder().message_body("an order").build().unwrap();
//! let injected = inject(&cx, &propagator, &mut request, Budget::sqs());
//! assert_eq!((injected.fields, injected.aws_trace_header), (1, true));
//!
//! let message = Message::builder().set_message_attributes(request.message_attributes).build();
//! assert_eq!(*extract(&propagator, &message).span().span_context(), parent);
//! # }
//! ```
#![forbid(unsafe_code)]

mod accepted;
mod attributes;
mod budget;
mod extractor;
mod injector;
mod outgoing;

use opentelemetry::{Context, propagation::TextMapPropagator};

pub use accepted::{is_valid_name, refused_character};
pub use attributes::Attributes;
pub use budget::{BatchBudget, Budget};
pub use extractor::HeaderExtractor;
pub use injector::{HeaderInjector, Injected};
pub use outgoing::Outgoing;
pub use tracehop_propagation::{DropReason, Dropped, LINEAGE};

/// Writes what `propagator` makes of `cx` to `message`, and `AWSTraceHeader` where the service has
/// it; see [`HeaderInjector`].
pub fn inject(
    cx: &Context,
    propagator: &dyn TextMapPropagator,
    message: &mut impl Outgoing,
    budget: Budget,
) -> Injected {
    let mut injector = message.injector(propagator, budget);
    injector.inject_context(cx);
    injector.finish()
}

#[cfg(feature = "sqs")]
mod received {
    use aws_sdk_sqs::types::Message;
    use opentelemetry::{Context, propagation::TextMapPropagator};
    use tracehop_propagation::{Composite, Extracted, XRay};

    use crate::HeaderExtractor;

    /// The context that `message` brings, on an empty one.
    ///
    /// `AWSTraceHeader` is read last, also where X-Ray is not among the propagator's formats; see
    /// [`Extracted::or_aws_trace_header`] for what it then may and may not be. A span context that
    /// may only be linked to is in the context as a [`RemoteLink`](tracehop_propagation::RemoteLink).
    pub fn extract(propagator: &dyn TextMapPropagator, message: &Message) -> Context {
        let carrier = HeaderExtractor::from(message);
        let context = propagator.extract_with_context(&Context::new(), &carrier);
        with_aws_trace_header(context.into(), propagator, &carrier).context
    }

    /// Extracts like [`extract`], and says what was found.
    pub fn extract_reported(composite: &Composite, message: &Message) -> Extracted {
        let carrier = HeaderExtractor::from(message);
        let extracted = composite.extract_reported(&Context::new(), &carrier);
        with_aws_trace_header(extracted, composite, &carrier)
    }

    fn with_aws_trace_header(
        extracted: Extracted,
        propagator: &dyn TextMapPropagator,
        carrier: &HeaderExtractor<'_>,
    ) -> Extracted {
        let is_off = propagator.fields().next().is_none();
        let is_listed = propagator
            .fields()
            .any(|field| field.eq_ignore_ascii_case(XRay::FIELD));
        match carrier.aws_trace_header() {
            Some(header) if !is_off && !is_listed => extracted.or_aws_trace_header(header),
            _ => extracted,
        }
    }
}
#[cfg(feature = "sqs")]
pub use received::{extract, extract_reported};
