use opentelemetry::Context;
use opentelemetry::trace::{Link, SpanContext, TraceContextExt};
use tracehop_propagation::RemoteLink;

use super::facts::MessageLink;
use super::instrumentation::Instrumentation;
use super::names::LinkType;
use crate::contract::System;

/// The limit of the SDK's default (`OTEL_SPAN_LINK_COUNT_LIMIT`).
pub(super) const MOST_LINKS: usize = 128;

/// The links of spans that are about `messages`: each creation context, and what X-Ray says may
/// only be linked to. Invalid contexts are left out.
pub(super) fn creation_links(
    instrumentation: &Instrumentation,
    system: System,
    messages: &[MessageLink<'_>],
) -> Vec<Link> {
    if instrumentation.tracer().is_none() {
        return Vec::new();
    }
    let body_size = instrumentation.options().body_size;
    let mut links = Vec::with_capacity(messages.len());
    for message in messages {
        for to in creations(message.creation) {
            let mut attributes = Vec::with_capacity(1 + message.facts.count());
            attributes.push(LinkType::Creation.attribute());
            message.facts.describe(system, body_size, |attribute| {
                attributes.push(attribute);
            });
            attributes.extend(message.facts.partition());
            links.push(Link::new(to, attributes, 0));
        }
    }
    links
}

/// The span contexts that a message was created in: its parent, and what may only be linked to.
pub(super) fn creations(cx: &Context) -> impl Iterator<Item = SpanContext> {
    let parent = cx.span().span_context().clone();
    let valid = parent.is_valid().then_some(parent);
    valid.into_iter().chain(RemoteLink::of(cx).cloned())
}

pub(super) fn link(to: SpanContext, link_type: LinkType) -> Link {
    Link::new(to, vec![link_type.attribute()], 0)
}
