//! What a row says beside its name: the attempt, what it waited for, links, errors.

use opentelemetry::trace::{SpanKind, Status};

use super::style::duration;
use crate::journey::{Edge, Journey, Link, Row, Span};

const MESSAGE_ATTEMPT: &str = "tracehop.message.attempt";
const SETTLEMENT: &str = "tracehop.settlement";

/// How many links are named; the rest are counted.
const LINKS_NAMED: usize = 3;

/// The name, with the attempt where that says something.
pub(super) fn name(span: &Span) -> String {
    let attempt = span.attribute(MESSAGE_ATTEMPT).map(ToString::to_string);
    match attempt.filter(|attempt| span.failed() || attempt != "1") {
        Some(attempt) => format!("{} #{attempt}", span.name),
        None => span.name.clone(),
    }
}

/// The name, and how it ended where it failed.
pub(super) fn title(span: &Span) -> String {
    let name = name(span);
    match span.attribute(SETTLEMENT) {
        _ if !span.failed() => name,
        Some(settlement) => format!("{name} ✗ {settlement}"),
        None => format!("{name} ✗"),
    }
}

/// The time from the end of what came before to the start of the span, and whether that was an
/// attempt at the same message.
pub(super) fn waited(journey: &Journey<'_>, span: &Span) -> Option<(u64, bool)> {
    let before = waited_for(journey, span)?;
    Some((before.end_unix_nano, before.kind == SpanKind::Consumer))
}

/// The span whose end began the wait of a consumer span: of its links and its parent the one that
/// ended last, and had started before it. For a first attempt that is the span that sent the
/// message, for the next one the attempt before.
fn waited_for<'a>(journey: &Journey<'a>, span: &Span) -> Option<&'a Span> {
    if span.kind != SpanKind::Consumer {
        return None;
    }
    let linked = span.links.iter().map(Link::target);
    linked
        .chain(span.parent())
        .filter_map(|id| journey.find(id))
        .filter(|before| before.start_unix_nano <= span.start_unix_nano)
        .filter(|before| !matches!(before.kind, SpanKind::Internal | SpanKind::Server))
        .max_by_key(|before| before.end_unix_nano)
}

/// What stands in the lines below the row.
pub(super) fn details(journey: &Journey<'_>, row: &Row<'_>, attributes: &[String]) -> Vec<String> {
    let span = row.span;
    let mut details = Vec::new();
    if let Some((since, again)) = waited(journey, span) {
        let word = if again { "retried after" } else { "queued" };
        let time = span.start_unix_nano.saturating_sub(since);
        details.push(format!("{word} {}", duration(time)));
    }
    for key in attributes {
        if let Some(value) = span.attribute(key) {
            details.push(format!("{key}={value}"));
        }
    }
    // A span that hangs on its one link shows it by where it stands.
    if !(span.links.is_empty() || row.edge == Edge::Link && span.links.len() == 1) {
        details.push(links(journey, span));
    }
    if let Status::Error { description } = &span.status
        && !description.is_empty()
    {
        details.push(description.to_string());
    }
    details
}

fn links(journey: &Journey<'_>, span: &Span) -> String {
    let mut named: Vec<_> = span
        .links
        .iter()
        .take(LINKS_NAMED)
        .map(|link| match journey.find(link.target()) {
            Some(target) => name(target),
            None => format!("span {}", link.span_id),
        })
        .collect();
    if span.links.len() > LINKS_NAMED {
        named.push(format!("{} more", span.links.len() - LINKS_NAMED));
    }
    format!("links to {}", named.join(", "))
}
