//! The picture: one waterfall a journey, each under a line that says what it is.

use std::fmt::Write;

use opentelemetry::trace::SpanKind;
use tracehop::journey::{Journey, Row, Span, Waterfall, stitch};

use super::service::BAGGAGE;

/// At most this wide.
const WIDTH: usize = 100;

/// What is said before the orders are in; `brokers` are those after SQS.
pub(super) fn introduction(brokers: &[String; 2]) -> String {
    let [kafka, last] = brokers;
    format!(
        "\
A shop sends orders to SQS: one message, a batch, and two in order on a FIFO queue. The packing
worker packs them and feeds the shipping worker. One order breaks twice; one ends as a dead letter.
What is shipped crosses
  {kafka}
and goes on, through a relay, to the courier on
  {last}.
"
    )
}

const LEGEND: &str = "\
├─ child   ├┄ only linked   ┄┄┄ waiting in the queue   ███ at work   #2 second attempt   ✗ failed
The same spans, one JSON object a line: tracehop demo --json
";

/// Every journey, from the first to the last.
pub(super) fn picture(spans: &[Span], colour: bool) -> String {
    let attributes = ["order.id", "order.ids", "letter.origin", "letter.error"]
        .into_iter()
        .chain(BAGGAGE);
    let mut picture = String::new();
    for journey in &stitch(spans) {
        let waterfall = Waterfall::new(journey)
            .width(WIDTH)
            .colour(colour)
            .attributes(attributes.clone());
        let _ = writeln!(picture, "{}\n{waterfall}", title(journey, colour));
    }
    picture + LEGEND
}

/// A line across: how the journey began, and what it is made of.
fn title(journey: &Journey<'_>, colour: bool) -> String {
    let rows = journey.rows();
    let name = rows.first().map_or("", |row| row.span.name.as_str());
    let failed = |row: &&Row<'_>| row.span.failed() && row.span.kind == SpanKind::Consumer;
    let made_of = [
        count(journey.services().len(), "service"),
        count(rows.len(), "span"),
        count(journey.traces().len(), "trace"),
        count(rows.iter().filter(failed).count(), "failed attempt"),
    ];
    let made_of: Vec<_> = made_of.into_iter().flatten().collect();
    let made_of = made_of.join(" · ");
    let line = WIDTH.saturating_sub(name.chars().count() + made_of.chars().count() + 5);
    let title = format!("── {name} {} {made_of}", "─".repeat(line));
    if colour {
        format!("\x1b[1m{title}\x1b[0m")
    } else {
        title
    }
}

/// Nothing of what there is none of.
fn count(count: usize, of: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {of}")),
        _ => Some(format!("{count} {of}s")),
    }
}
