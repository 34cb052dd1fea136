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
mod envelope;
mod extractor;
mod fields;
mod injector;
mod outgoing;
#[cfg(feature = "lambda")]
mod records;

use opentelemetry::{Context, propagation::TextMapPropagator};

pub use accepted::{is_valid_name, refused_character};
pub use attributes::Attributes;
pub use budget::{BatchBudget, Budget};
pub use envelope::MAX_ENVELOPE_BYTES;
pub use extractor::HeaderExtractor;
pub use injector::{HeaderInjector, Injected};
pub use outgoing::Outgoing;
#[cfg(feature = "lambda")]
pub use records::NotificationAttributes;
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
    use tracehop_propagation::{Composite, Extracted};

    use crate::HeaderExtractor;

    /// The context that the attributes of `message` bring, on an empty one; see
    /// [`HeaderExtractor::extract`], which looks into the body too where it is told to.
    pub fn extract(propagator: &dyn TextMapPropagator, message: &Message) -> Context {
        let carrier = HeaderExtractor::from(message);
        let extracted = carrier.extract_with(propagator, |carrier| {
            let context = propagator.extract_with_context(&Context::new(), carrier);
            context.into()
        });
        extracted.context
    }

    /// Extracts like [`extract`], and says what was found.
    pub fn extract_reported(composite: &Composite, message: &Message) -> Extracted {
        HeaderExtractor::from(message).extract(composite)
    }
}
#[cfg(feature = "sqs")]
pub use received::{extract, extract_reported};
