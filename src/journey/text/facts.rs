//! What a row says beside its name: the attempt, what it waited for, links, errors.

use opentelemetry::trace::{SpanKind, Status};

use super::style::duration;
use crate::journey::{Edge, Journey, Link, Row, Span};

const MESSAGE_ATTEMPT: &str = "tracehop.message.attempt";
const SETTLEMENT: &str = "tracehop.settlement";

/// How many names of linked spans are written out; more are counted.
const LINKS_NAMED: usize = 4;

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
    if let Status::Error { description } = &span.status
        && !description.is_empty()
    {
        details.push(description.to_string());
    }
    if let Some((since, again)) = waited(journey, span) {
        let word = if again { "retried after" } else { "queued" };
        let time = span.start_unix_nano.saturating_sub(since);
        details.push(format!("{word} {}", duration(time)));
    }
    // What is sent is shown where it arrives.
    if !matches!(span.kind, SpanKind::Producer | SpanKind::Client) {
        for key in attributes {
            details.extend(span.attribute(key).map(|value| format!("{key}={value}")));
        }
    }
    // A span that hangs on its one link shows it by where it stands.
    if !(span.links.is_empty() || row.edge == Edge::Link && span.links.len() == 1) {
        details.push(links(journey, span));
    }
    details
}

/// The spans that it links to by name, and how many of them are in no row of this journey.
fn links(journey: &Journey<'_>, span: &Span) -> String {
    let mut named: Vec<(String, usize)> = Vec::new();
    let mut elsewhere = 0;
    for link in &span.links {
        match journey.find(link.target()).map(name) {
            None => elsewhere += 1,
            Some(name) => match named.iter_mut().find(|(known, _)| *known == name) {
                Some((_, times)) => *times += 1,
                None => named.push((name, 1)),
            },
        }
    }
    let further = named.split_off(named.len().min(LINKS_NAMED)).len();
    let mut parts: Vec<_> = named.into_iter().map(times).collect();
    parts.extend((further > 0).then(|| format!("{further} more")));
    parts.extend((elsewhere > 0).then(|| format!("{elsewhere} elsewhere")));
    format!("links to {}", parts.join(", "))
}

fn times((name, times): (String, usize)) -> String {
    match times {
        1 => name,
        _ => format!("{name} ×{times}"),
    }
}
