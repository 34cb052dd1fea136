use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use tracehop_propagation::Composite;
use tracehop_sqs::{BatchBudget, Budget, Injected, Outgoing, inject};

use crate::{TRACEPARENT_BYTES, rich, traced};

const CUSTOMARY: usize = 262_144;
const LARGEST: usize = 1_048_576;

fn entries(bodies: &[usize]) -> Vec<SendMessageBatchRequestEntry> {
    let entry = |(id, body): (usize, &usize)| {
        SendMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .message_body("b".repeat(*body))
            .build()
    };
    bodies
        .iter()
        .enumerate()
        .map(|entry_of| entry(entry_of).unwrap())
        .collect()
}

fn inject_all(
    cx: &opentelemetry::Context,
    budget: Budget,
    entries: &mut [SendMessageBatchRequestEntry],
) -> Vec<Injected> {
    let mut batch = BatchBudget::new(budget, entries);
    let composite = Composite::default();
    let inject_one = |entry: &mut SendMessageBatchRequestEntry| {
        let budget = batch.next(entry);
        let injected = inject(cx, &composite, entry, budget);
        batch.record(&injected);
        injected
    };
    entries.iter_mut().map(inject_one).collect()
}

fn total(entries: &[SendMessageBatchRequestEntry]) -> usize {
    entries.iter().map(Outgoing::bytes).sum()
}

#[test]
fn a_batch_with_room_carries_everything() {
    let mut entries = entries(&[100; 10]);
    for injected in inject_all(&rich(), Budget::sqs(), &mut entries) {
        assert_eq!((injected.fields, injected.dropped), (3, vec![]));
    }
}

#[test]
fn a_batch_shares_its_maximum() {
    let free = 4 * TRACEPARENT_BYTES;
    let mut entries = entries(&[(CUSTOMARY - free) / 4; 4]);
    let injected = inject_all(&traced(), Budget::sqs(), &mut entries);
    assert!(injected.iter().all(|injected| injected.fields == 1));
    assert_eq!(total(&entries), CUSTOMARY);
}

#[test]
fn an_entry_leaves_what_it_does_not_need_to_the_next() {
    // Every share but the last is too small, so what is free adds up until it is enough.
    let mut entries = entries(&[(CUSTOMARY - 100) / 4; 4]);
    let injected = inject_all(&traced(), Budget::sqs(), &mut entries);
    let fields: Vec<_> = injected.iter().map(|injected| injected.fields).collect();
    assert_eq!(fields, [0, 0, 0, 1]);
    assert!(total(&entries) <= CUSTOMARY);
}

#[test]
fn what_one_entry_took_is_not_there_for_the_next() {
    let mut entries = entries(&[(CUSTOMARY - 400) / 4; 4]);
    let injected = inject_all(&rich(), Budget::sqs(), &mut entries);
    assert!(
        injected.iter().all(|injected| injected.fields == 2),
        "{injected:?}"
    );
    assert!(total(&entries) <= CUSTOMARY);
}

#[test]
fn a_batch_within_262144_bytes_is_not_pushed_above_and_a_larger_one_not_above_a_mebibyte() {
    for (bodies, limit) in [
        (vec![CUSTOMARY / 2, CUSTOMARY / 2], CUSTOMARY),
        (vec![CUSTOMARY / 2, CUSTOMARY / 2 - 10], CUSTOMARY),
        (vec![LARGEST / 2, LARGEST / 2], LARGEST),
        (vec![LARGEST - 80, 5], LARGEST),
    ] {
        let mut entries = entries(&bodies);
        inject_all(&rich(), Budget::sqs(), &mut entries);
        assert!(total(&entries) <= limit, "{bodies:?}");
    }
}

#[test]
fn in_a_larger_batch_an_entry_within_262144_bytes_is_not_pushed_above() {
    let mut entries = entries(&[CUSTOMARY - 10, CUSTOMARY + 10]);
    let injected = inject_all(&traced(), Budget::sqs(), &mut entries);
    assert_eq!(
        injected
            .iter()
            .map(|injected| injected.fields)
            .collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn a_maximum_that_is_set_is_that_of_the_batch() {
    let budget = Budget {
        max_bytes: Some(1000 + TRACEPARENT_BYTES),
        ..Budget::sqs()
    };
    let mut entries = entries(&[500, 500]);
    let injected = inject_all(&traced(), budget, &mut entries);
    assert_eq!(
        injected
            .iter()
            .map(|injected| injected.fields)
            .sum::<usize>(),
        1
    );
    assert_eq!(total(&entries), 1000 + TRACEPARENT_BYTES);
}
