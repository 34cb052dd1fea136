use opentelemetry::trace::{SpanKind, TraceId};

use super::*;

fn span(id: u8, parent: Option<u8>, name: &str, links: &[u8]) -> Span {
    let id_of = |id: u8| SpanId::from_bytes([id; 8]);
    let trace_id = TraceId::from_bytes([1; 16]);
    Span {
        service: String::new(),
        name: name.to_owned(),
        kind: SpanKind::Internal,
        trace_id,
        span_id: id_of(id),
        parent_span_id: parent.map(id_of),
        start_unix_nano: 0,
        end_unix_nano: 0,
        status: Status::Unset,
        attributes: vec![
            KeyValue::new("id", i64::from(id)),
            KeyValue::new("name", "n"),
        ],
        links: links
            .iter()
            .map(|&to| Link {
                trace_id,
                span_id: id_of(to),
                attributes: vec![KeyValue::new("to", i64::from(to))],
            })
            .collect(),
        events: Vec::new(),
    }
}

#[test]
fn the_order_of_the_spans_and_their_ids_do_not_show() {
    let work = |ids: [u8; 4]| {
        vec![
            span(ids[0], None, "order", &[]),
            span(ids[1], Some(ids[0]), "send", &[]),
            span(ids[2], Some(ids[0]), "pay", &[]),
            span(ids[3], Some(ids[1]), "process", &[ids[1], 99]),
        ]
    };
    let tree = SpanTree::new(work([1, 2, 3, 4]));
    tree.assert_is(
        "
        order INTERNAL
          pay INTERNAL
          send INTERNAL
            process INTERNAL -> remote, send (parent)
        ",
    );
    let reversed = work([8, 3, 9, 1]).into_iter().rev();
    assert_eq!(SpanTree::new(reversed).to_string(), tree.to_string());
}

#[test]
fn what_is_asked_for_is_shown() {
    let mut failed = span(7, Some(9), "process", &[8]);
    failed.service = "packing".to_owned();
    failed.status = Status::error("out of \"stock\"");
    SpanTree::new([failed])
        .attributes(["name", "id", "to"])
        .named(SpanId::from_bytes([9; 8]), "the caller")
        .assert_is(
            "
            packing: process INTERNAL ERROR \"out of \\\"stock\\\"\" {name=n, id=7} \
            under the caller -> remote {to=8}
            ",
        );
}

#[test]
fn spans_that_are_each_others_ancestors_are_shown_once() {
    let circle = [span(1, Some(2), "a", &[]), span(2, Some(1), "b", &[])];
    SpanTree::new(circle).assert_is("a INTERNAL\n  b INTERNAL");
}

#[test]
#[should_panic(expected = "the spans are not as expected")]
fn another_tree_is_refused() {
    SpanTree::new([span(1, None, "a", &[])]).assert_is("b INTERNAL");
}
