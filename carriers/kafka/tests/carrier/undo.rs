//! A record that was not sent goes back to its owner as it was.

use rdkafka::message::OwnedHeaders;
use tracehop_kafka::inject;
use tracehop_propagation::Composite;

use crate::{Owned, all, headers, rich, texts, traced};

fn undone(before: Option<OwnedHeaders>) -> Option<Vec<Owned>> {
    let mut record = before;
    let injected = inject(&rich(), &Composite::default(), &mut record);
    assert_eq!(injected.fields, 3);
    injected.undo(&mut record);
    record.as_ref().map(all)
}

#[test]
fn a_record_without_headers_has_none_again() {
    assert_eq!(undone(None), None);
}

#[test]
fn a_record_has_its_own_headers_again() {
    let users = headers(&[(b"a", Some(b"1")), (b"\xff", None), (b"a", Some(b""))]);
    assert_eq!(undone(Some(users.clone())), Some(all(&users)));
}

#[test]
fn what_was_replaced_is_there_again() {
    let stale = texts(&[
        ("traceparent", "stale"),
        ("user", "mine"),
        ("Baggage", "a=1"),
    ]);
    assert_eq!(undone(Some(stale.clone())), Some(all(&stale)));
}

#[test]
fn a_copy_of_what_was_written_to_can_be_undone_too() {
    let mut record = Some(texts(&[("user", "mine")]));
    let injected = inject(&traced(), &Composite::default(), &mut record);
    let mut copy = record.clone();
    drop(record);
    injected.undo(&mut copy);
    assert_eq!(all(&copy.unwrap()), all(&texts(&[("user", "mine")])));
}
