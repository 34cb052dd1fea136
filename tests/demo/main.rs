//! `tracehop demo`, as whoever runs it sees it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod spans;

use std::collections::BTreeSet;

use spans::{SPANS, is_id, list, text, time, tracehop};

/// Orders, and the customer that each is of.
const ORDERS: [(i64, &str); 8] = [
    (1001, "Zoë & Söhne"),
    (1002, "Acme, Inc."),
    (1003, "Acme, Inc."),
    (1004, "Acme, Inc."),
    (1005, "Émile"),
    (1006, "Émile"),
    (1007, "100% Glass"),
    (1008, "Captain Nemo"),
];
/// The order that breaks twice.
const FRAGILE: i64 = 1007;
/// The order that nobody can pack.
const UNKNOWN: i64 = 1008;

#[test]
fn every_line_is_a_span_with_well_formed_ids_and_an_upper_case_kind() {
    let fields: BTreeSet<_> = [
        "service",
        "name",
        "kind",
        "trace_id",
        "span_id",
        "parent_span_id",
        "start_unix_nano",
        "end_unix_nano",
        "status",
        "attributes",
        "links",
        "events",
    ]
    .into();
    let kinds = ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    for span in &SPANS.all {
        let found: BTreeSet<_> = span
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(found, fields);
        assert!(kinds.contains(&text(&span["kind"])), "{span}");
        assert!(
            is_id(&span["trace_id"], 32) && is_id(&span["span_id"], 16),
            "{span}"
        );
        assert!(
            span["parent_span_id"] == "" || is_id(&span["parent_span_id"], 16),
            "{span}"
        );
        assert!(time(span, "start") <= time(span, "end"), "{span}");
        for link in list(&span["links"]) {
            assert!(
                is_id(&link["trace_id"], 32) && is_id(&link["span_id"], 16),
                "{span}"
            );
        }
    }
    assert_eq!(SPANS.by_id.len(), SPANS.all.len(), "span ids differ");
}

#[test]
fn no_parent_and_no_link_leads_nowhere() {
    for span in &SPANS.all {
        let linked = list(&span["links"])
            .iter()
            .map(|link| (&link["trace_id"], &link["span_id"]));
        let parent = Some((&span["trace_id"], &span["parent_span_id"])).filter(|(_, id)| *id != "");
        for (trace, id) in linked.chain(parent) {
            let target = SPANS.find(id).expect("the target is among the spans");
            assert_eq!(&target["trace_id"], trace);
        }
    }
}

#[test]
fn every_order_is_one_connected_journey() {
    for (order, _) in ORDERS {
        let attempts = SPANS.packing(order);
        assert!(!attempts.is_empty(), "order {order}");
        for process in &attempts {
            assert_eq!(
                (text(&process["kind"]), text(&process["service"])),
                ("CONSUMER", "packing")
            );
            let creation = SPANS.parent(process).unwrap();
            assert_eq!(
                (text(&creation["kind"]), text(&creation["service"])),
                ("PRODUCER", "shop")
            );
            assert_eq!(
                SPANS.linked(process, "creation"),
                [creation],
                "parent and link"
            );
            let root = SPANS.ancestry(process).pop().unwrap();
            assert_eq!(
                (text(&root["kind"]), text(&root["service"])),
                ("SERVER", "shop")
            );
            assert!(list(&root["attributes"]["order.ids"]).contains(&order.into()));
        }
        let packed = *attempts.last().unwrap();
        let shipped: Vec<_> = SPANS
            .named("shipping", "process parcels")
            .filter(|span| SPANS.ancestry(span).contains(&packed))
            .collect();
        assert_eq!(
            shipped.len(),
            usize::from(order != UNKNOWN),
            "order {order}"
        );
        for process in shipped {
            assert_eq!(
                SPANS.linked(process, "creation"),
                [SPANS.parent(process).unwrap()]
            );
        }
    }
}

#[test]
fn one_trace_crosses_every_broker_through_the_relay() {
    let delivered: Vec<_> = SPANS.named("courier", "process deliveries").collect();
    assert_eq!(delivered.len(), ORDERS.len() - 1, "all but the dead letter");
    for process in delivered {
        let ancestry = SPANS.ancestry(process);
        let way = ancestry[1..].iter().filter(|span| {
            let kind = text(&span["kind"]);
            kind == "CONSUMER" || kind == "SERVER"
        });
        let way: Vec<_> = way
            .map(|span| {
                let system = &span["attributes"]["messaging.system"];
                (text(&span["service"]), system.as_str().unwrap_or_default())
            })
            .collect();
        let expected = [
            ("relay", "kafka"),
            ("shipping", "aws_sqs"),
            ("packing", "aws_sqs"),
            ("shop", ""),
        ];
        assert_eq!(way, expected);
        assert_eq!(ancestry[2]["attributes"]["tracehop.relay.hop"], 1);
        assert!(!text(&process["attributes"]["customer"]).is_empty());
    }
}

#[test]
fn each_attempt_links_to_the_one_before() {
    let attempts = SPANS.packing(FRAGILE);
    let facts = attempts.iter().map(|span| {
        let attributes = &span["attributes"];
        let attempt = attributes["tracehop.message.attempt"].as_i64().unwrap();
        (
            attempt,
            text(&attributes["tracehop.settlement"]),
            text(&span["status"]),
        )
    });
    let expected = [
        (1, "nack", "ERROR"),
        (2, "nack", "ERROR"),
        (3, "ack", "UNSET"),
    ];
    assert_eq!(facts.collect::<Vec<_>>(), expected);
    assert!(SPANS.linked(attempts[0], "previous_attempt").is_empty());
    assert_eq!(SPANS.linked(attempts[1], "previous_attempt"), [attempts[0]]);
    assert_eq!(SPANS.linked(attempts[2], "previous_attempt"), [attempts[1]]);
    assert_eq!(attempts[0]["attributes"]["error.type"], "broken");
}

#[test]
fn a_dead_letter_keeps_its_lineage() {
    let rejected = SPANS.packing(UNKNOWN);
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0]["attributes"]["tracehop.settlement"], "reject");
    assert_eq!(rejected[0]["attributes"]["error.type"], "unknown_product");
    let read: Vec<_> = SPANS.named("desk", "process dead-letters").collect();
    assert_eq!(read.len(), 1);
    let ancestry = SPANS.ancestry(read[0]);
    assert!(
        ancestry.contains(&rejected[0]),
        "the dead letter is a child of what rejected it"
    );
    assert_eq!(ancestry.last().unwrap()["name"], "place order");
    assert_eq!(SPANS.linked(read[0], "creation"), [ancestry[1]]);
    assert_eq!(read[0]["attributes"]["letter.origin"], "aws_sqs:orders");
    assert_eq!(read[0]["attributes"]["letter.error"], "no such product");
}

#[test]
fn every_handler_sees_the_baggage_of_its_customer() {
    for (order, customer) in ORDERS {
        for process in SPANS.packing(order) {
            assert_eq!(process["attributes"]["customer"], customer);
        }
    }
    let seen = |service, name| -> BTreeSet<_> {
        let spans = SPANS.named(service, name);
        spans
            .map(|span| text(&span["attributes"]["customer"]))
            .collect()
    };
    let customers = |orders: &[(i64, &'static str)]| -> BTreeSet<_> {
        orders.iter().map(|(_, customer)| *customer).collect()
    };
    assert_eq!(seen("shipping", "process parcels"), customers(&ORDERS[..7]));
    assert_eq!(
        seen("desk", "process dead-letters"),
        customers(&ORDERS[7..])
    );
}

#[test]
fn the_orders_of_one_group_are_packed_in_order() {
    let [first, second] = [1005, 1006].map(|order| SPANS.packing(order)[0]);
    assert!(time(first, "end") <= time(second, "start"));
}

#[test]
fn the_picture_is_plain_text_of_100_columns_with_attempts_and_queue_times() {
    let output = tracehop(&["demo"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let picture = String::from_utf8(output.stdout).unwrap();
    for line in picture.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    for text in [
        "process orders #1 ✗ nack",
        "process orders #2 ✗ nack",
        "process orders #3 ",
        "process orders #1 ✗ reject",
        "queued ",
        "retried after ",
        "customer=Zoë & Söhne",
        "links to send orders, process orders #2",
    ] {
        assert!(picture.contains(text), "no {text:?} in\n{picture}");
    }
}

#[test]
fn wrong_arguments_exit_with_2_and_only_what_exists_is_listed() {
    for args in [&["demo", "--no-such-flag"][..], &["no-such-command"], &[]] {
        assert_eq!(tracehop(args).status.code(), Some(2), "{args:?}");
    }
    let help = String::from_utf8(tracehop(&["--help"]).stdout).unwrap();
    assert!(help.contains("demo"));
    for later in ["relay", "tail", "inspect", "journey"] {
        assert!(!help.contains(later), "{later} is listed:\n{help}");
    }
}
