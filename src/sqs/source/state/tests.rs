use std::sync::Arc;
use std::time::Duration;

use super::super::receipt::Granted;
use super::*;
use crate::contract::{Capacity, Destination, ErrorKind, LeaseKeeper, Message, Operation, System};

const VISIBILITY: Duration = Duration::from_secs(30);

fn state(slots: usize) -> State {
    State::new(
        Lanes::new(1),
        Ledger::new(VISIBILITY, Duration::ZERO),
        Groups::new(VISIBILITY),
        Polls::new(Capacity::slots(slots), 10, 4),
    )
}

/// Messages of one group, with their places in it.
fn brought(group: Option<&'static str>, places: &[u128]) -> Vec<(Grant, Delivery<()>)> {
    let queue = Arc::new(Destination::new(System::AwsSqs, "orders"));
    let one = |&sequence: &u128| {
        let keeper = LeaseKeeper::new();
        let message = Message::new(sequence.to_string());
        let mut delivery = Delivery::new(message, Arc::clone(&queue), keeper.lease(), ());
        delivery.lane = group.map(Lane::new);
        let grant = Grant {
            receipt: Arc::new(Granted {
                sequence,
                ..Granted::default()
            }),
            keeper,
            lane: delivery.lane.clone(),
            copy: None,
        };
        (grant, delivery)
    };
    places.iter().map(one).collect()
}

fn places(held: &[Held]) -> Vec<&str> {
    held.iter()
        .filter_map(|held| held.delivery.message.text())
        .collect()
}

fn polls(work: &[Work]) -> usize {
    work.iter()
        .filter(|work| matches!(work, Work::Poll(_)))
        .count()
}

/// The one change that is to be sent, if it is one.
fn change(work: Vec<Work>) -> Option<Change> {
    work.into_iter().find_map(|work| match work {
        Work::Change(mut changes) => changes.pop(),
        _ => None,
    })
}

#[test]
fn a_pause_that_is_over_does_not_keep_the_driver_awake() {
    let now = Instant::now();
    let mut state = state(100);
    assert_eq!(polls(&state.work(now)), 1);
    state.arrived(brought(None, &[1; 10]), now, now);
    assert_eq!(polls(&state.work(now)), 2);
    let queue = Destination::new(System::AwsSqs, "orders");
    let error = Error::new(
        Operation::Receive,
        &queue,
        ErrorKind::Throttled,
        "slow down",
    );
    state.poll_failed(error, now);
    let later = now + Duration::from_secs(1);
    assert_eq!(polls(&state.work(later)), 0, "one is in flight still");
    assert!(state.sleep(later).is_none_or(|due| due > later));
}

#[test]
fn a_freed_slot_stirs_the_driver_where_ten_more_have_room() {
    let now = Instant::now();
    let mut state = state(1);
    state.work(now);
    state.arrived(brought(None, &[1, 2]), now, now);
    let held = state.take(2);
    state.work(now);
    state.sleep(now);
    assert!(!state.stirs_at(now));
    state.settle(held[0].id, None, Settlement::Ack, now);
    assert!(state.stirs_at(now));
    assert_eq!(polls(&state.work(now)), 1);
}

#[test]
fn what_is_lost_in_the_buffer_is_never_handed_over() {
    let now = Instant::now();
    let mut state = state(10);
    state.arrived(brought(None, &[1]), now, now);
    let later = now + VISIBILITY;
    state.work(later);
    assert!(state.take(1).is_empty());
    assert_eq!(state.ledger.len(), 0);
}

#[test]
fn successors_that_come_while_their_group_goes_back_wait_for_their_head() {
    let now = Instant::now();
    let lane = Lane::new("g");
    let mut state = state(10);
    state.arrived(brought(Some("g"), &[1, 2]), now, now);
    let head = state.take(1);
    state.settle(head[0].id, Some(&lane), Settlement::Release, now);
    for place in [2, 1] {
        let change = change(state.work(now)).filter(|change| change.receipt.sequence == place);
        let answers: Vec<_> = change
            .into_iter()
            .map(|change| (change, Answer::Done))
            .collect();
        assert_eq!(answers.len(), 1, "{place} is given back");
        state.changed(&answers, now, now);
        if place == 2 {
            state.arrived(brought(Some("g"), &[2]), now, now);
            assert!(state.take(1).is_empty());
        }
    }
    assert!(state.take(1).is_empty());
    state.arrived(brought(Some("g"), &[1]), now, now);
    let head = state.take(9);
    assert_eq!(places(&head), ["1"]);
    state.settle(head[0].id, Some(&lane), Settlement::Ack, now);
    assert_eq!(places(&state.take(9)), ["2"]);
}

#[test]
fn what_comes_after_closing_goes_back() {
    let now = Instant::now();
    let mut state = state(10);
    state.work(now);
    state.close(now);
    assert!(!state.is_flushed(), "a receive is in flight");
    state.arrived(brought(None, &[1]), now, now);
    let change = change(state.work(now));
    assert!(change.as_ref().is_some_and(|change| change.seconds == 0));
    let answers: Vec<_> = change
        .into_iter()
        .map(|change| (change, Answer::Done))
        .collect();
    state.changed(&answers, now, now);
    assert!(state.is_flushed());
}
