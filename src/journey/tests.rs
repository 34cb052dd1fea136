use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId};
use opentelemetry::{Array, KeyValue, Value};
use proptest::prelude::*;

use super::*;

/// A root of the trace of that number that runs for 10 ms from `start`.
fn span(trace: u64, id: u64, name: &str, start: u64) -> Span {
    Span {
        service: "shop".to_owned(),
        name: name.to_owned(),
        kind: SpanKind::Internal,
        trace_id: trace_id(trace),
        span_id: SpanId::from(id),
        parent_span_id: None,
        start_unix_nano: start * 1_000_000,
        end_unix_nano: (start + 10) * 1_000_000,
        status: Status::Unset,
        attributes: Vec::new(),
        links: Vec::new(),
        events: Vec::new(),
    }
}

fn trace_id(trace: u64) -> TraceId {
    TraceId::from(u128::from(trace))
}

impl Span {
    fn under(mut self, parent: u64) -> Self {
        self.parent_span_id = Some(SpanId::from(parent));
        self
    }

    fn linked(mut self, trace: u64, id: u64) -> Self {
        self.links.push(Link {
            trace_id: trace_id(trace),
            span_id: SpanId::from(id),
            attributes: Vec::new(),
        });
        self
    }

    fn of_kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }
}

/// The names of each journey's rows, indented by depth, in one line.
fn outline(spans: &[Span]) -> Vec<String> {
    stitch(spans)
        .iter()
        .map(|journey| {
            let rows = journey.rows().iter();
            rows.map(|row| format!("{}{}", ">".repeat(row.depth), row.span.name))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

#[test]
fn a_trace_that_links_to_another_joins_its_journey() {
    let spans = [
        span(1, 1, "order", 0),
        span(1, 2, "send", 1).under(1),
        span(2, 3, "process", 20).linked(1, 2),
        span(2, 4, "pack", 21).under(3),
        span(3, 5, "another", 5),
    ];
    assert_eq!(
        outline(&spans),
        ["order >send >>process >>>pack", "another"]
    );
    let edges: Vec<_> = stitch(&spans)[0]
        .rows()
        .iter()
        .map(|row| row.edge)
        .collect();
    assert_eq!(edges, [Edge::Root, Edge::Child, Edge::Link, Edge::Child]);
}

#[test]
fn what_gathers_from_several_journeys_is_in_each_and_joins_none() {
    let spans = [
        span(1, 1, "first", 0),
        span(2, 2, "second", 1),
        span(3, 3, "delete", 20).linked(1, 1).linked(2, 2),
        span(3, 4, "retry", 21).under(3),
    ];
    assert_eq!(
        outline(&spans),
        ["first >delete >>retry", "second >delete >>retry"]
    );
}

#[test]
fn a_trace_is_shared_by_no_more_than_the_limit() {
    let many = MAX_SHARED as u64 + 72;
    let mut gathered = span(1_000_000, 1_000_000, "delete", 2_000);
    let mut spans = Vec::new();
    for n in 1..=many {
        spans.push(span(n, n, "order", n));
        gathered = gathered.linked(n, n);
    }
    spans.push(gathered);
    let outline = outline(&spans);
    assert_eq!(outline.len() as u64, many);
    let with = outline
        .iter()
        .filter(|journey| journey.contains("delete"))
        .count();
    assert_eq!(with, MAX_SHARED);
}

#[test]
fn traces_that_link_to_one_that_is_missing_are_one_journey() {
    let spans = [
        span(1, 1, "attempt", 0).linked(9, 9),
        span(2, 2, "again", 5).linked(9, 9),
    ];
    assert_eq!(outline(&spans), ["attempt again"]);
}

#[test]
fn a_missing_trace_ties_nothing_that_has_a_place() {
    let spans = [
        span(1, 1, "order", 0),
        span(2, 2, "process", 5).linked(1, 1).linked(9, 9),
        span(3, 3, "elsewhere", 6).linked(9, 9),
    ];
    assert_eq!(outline(&spans), ["order >process", "elsewhere"]);
}

#[test]
fn a_span_whose_parent_is_missing_stands_at_the_top() {
    let spans = [span(1, 1, "order", 0), span(1, 2, "stray", 5).under(77)];
    assert_eq!(outline(&spans), ["order stray"]);
    assert_eq!(stitch(&spans)[0].rows()[1].edge, Edge::Orphan);
}

#[test]
fn circles_of_parents_and_of_links_are_survived() {
    let spans = [
        span(1, 1, "a", 0).under(2),
        span(1, 2, "b", 1).under(1),
        span(1, 3, "self", 2).under(3),
        span(2, 4, "c", 3).linked(3, 5),
        span(3, 5, "d", 4).linked(2, 4),
    ];
    assert_eq!(outline(&spans), ["self a >b", "c >d"]);
}

#[test]
fn the_waterfall_shows_who_waited_for_whom() {
    let failed = |id, start| {
        let mut span = span(1, id, "process orders", start).under(2).linked(1, 2);
        span.kind = SpanKind::Consumer;
        span.service = "packing".to_owned();
        span
    };
    let mut first = failed(3, 40);
    first.status = Status::error("out of stock");
    first.attributes = vec![
        KeyValue::new("tracehop.message.attempt", 1),
        KeyValue::new("tracehop.settlement", "nack"),
    ];
    let mut second = failed(4, 80).linked(1, 3);
    second.attributes = vec![
        KeyValue::new("tracehop.message.attempt", 2),
        KeyValue::new("customer", "Zoë"),
    ];
    let spans = [
        span(1, 1, "place order", 0),
        span(1, 2, "send orders", 0)
            .under(1)
            .of_kind(SpanKind::Producer),
        first,
        second,
        span(2, 5, "delete orders", 90)
            .of_kind(SpanKind::Client)
            .linked(1, 4)
            .linked(1, 3)
            .linked(8, 8),
        span(3, 6, "audit", 90).linked(1, 4),
    ];
    let journeys = stitch(&spans);
    let text = Waterfall::new(&journeys[0])
        .width(80)
        .attributes(["customer"])
        .to_string();
    let expected = "\
SPAN                                 SERVICE      TIME  0 ─────────────── 100 ms
place order                          shop      10.0 ms  ██▍
└─ send orders                       shop      10.0 ms  ██▍
   ├─ process orders #1 ✗ nack       packing   10.0 ms    ┄┄┄┄┄┄┄███
   │     out of stock · queued 30.0 ms · links to send orders
   └─ process orders #2              packing   10.0 ms              ┄┄┄┄┄┄┄██▌
      │  retried after 30.0 ms · customer=Zoë
      │  links to send orders, process orders #1
      ├┄ delete orders               shop      10.0 ms                       ███
      │     links to process orders #2, process orders #1, 1 elsewhere
      └┄ audit                       shop      10.0 ms                       ███
";
    assert_eq!(text, expected);
    let coloured = Waterfall::new(&journeys[0])
        .width(80)
        .attributes(["customer"])
        .colour(true);
    let coloured = coloured.to_string();
    assert!(coloured.contains("\u{1b}[31mprocess orders #1 ✗ nack"));
    let without = coloured
        .split('\u{1b}')
        .map(|piece| piece.split_once('m').map_or("", |p| p.1));
    assert_eq!(without.collect::<String>(), expected);
}

#[test]
fn a_line_of_json_says_everything() {
    let mut span = span(1, 2, "send orders", 1)
        .under(1)
        .linked(3, 4)
        .of_kind(SpanKind::Producer);
    span.status = Status::error("throttled");
    span.attributes = vec![
        KeyValue::new("n", 3),
        KeyValue::new("on", true),
        KeyValue::new("ratio", 0.5),
        KeyValue::new(
            "tags",
            Value::Array(Array::String(vec!["a".into(), "b".into()])),
        ),
    ];
    span.links[0].attributes = vec![KeyValue::new("tracehop.link.type", "creation")];
    span.events = vec![Event {
        name: "exception".to_owned(),
        time_unix_nano: 7,
        attributes: vec![KeyValue::new("exception.type", "Throttled")],
    }];
    let expected = serde_json::json!({
        "service": "shop",
        "name": "send orders",
        "kind": "PRODUCER",
        "trace_id": "00000000000000000000000000000001",
        "span_id": "0000000000000002",
        "parent_span_id": "0000000000000001",
        "start_unix_nano": 1_000_000,
        "end_unix_nano": 11_000_000,
        "status": "ERROR",
        "attributes": { "n": 3, "on": true, "ratio": 0.5, "tags": ["a", "b"] },
        "links": [{
            "trace_id": "00000000000000000000000000000003",
            "span_id": "0000000000000004",
            "attributes": { "tracehop.link.type": "creation" },
        }],
        "events": [{
            "name": "exception",
            "time_unix_nano": 7,
            "attributes": { "exception.type": "Throttled" },
        }],
    });
    assert_eq!(span.to_json(), expected);
    span.parent_span_id = None;
    assert_eq!(span.to_json()["parent_span_id"], "");
}

proptest! {
    /// Whatever the parents and links, no span is lost, and drawing it ends.
    #[test]
    fn every_span_is_in_a_journey_once(
        spans in prop::collection::vec(
            (0..5_u64, 0..24_u64, 0..24_u64, prop::collection::vec((0..6_u64, 0..24_u64), 0..3), 0..9_u64, 0..9_u64),
            0..24,
        )
    ) {
        let spans: Vec<_> = spans
            .into_iter()
            .map(|(trace, id, parent, links, start, end)| {
                let mut span = span(trace, id, &id.to_string(), start).of_kind(SpanKind::Consumer);
                span.end_unix_nano = end * 1_000_000;
                let span = if parent < 12 { span.under(parent) } else { span };
                links.into_iter().fold(span, |span, (trace, id)| span.linked(trace, id))
            })
            .collect();
        let journeys = stitch(&spans);
        for span in &spans {
            let holds = |journey: &Journey<'_>| {
                journey.rows().iter().filter(|row| std::ptr::eq(row.span, span)).count()
            };
            let times: Vec<_> = journeys.iter().map(holds).collect();
            prop_assert!(times.iter().all(|&times| times <= 1));
            prop_assert!(times.contains(&1));
        }
        for journey in &journeys {
            let lines = Waterfall::new(journey).to_string();
            prop_assert!(lines.lines().all(|line| line.chars().count() <= 100));
        }
    }
}
