#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Arc;

use super::super::receipt::{Answer, Change, Granted};
use super::*;
use crate::contract::{Lease, LeaseKeeper};

const VISIBILITY: Duration = Duration::from_secs(30);
const LINGER: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

struct Case {
    ledger: Ledger,
    start: Instant,
}

impl Case {
    fn new() -> Self {
        Self {
            ledger: Ledger::new(VISIBILITY, LINGER),
            start: Instant::now(),
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + SECOND * u32::try_from(seconds).unwrap()
    }

    /// A receipt of a receive that was sent at the start and answered at once.
    fn grant(&mut self) -> (Id, Lease) {
        let keeper = LeaseKeeper::new();
        let lease = keeper.lease();
        let grant = Grant {
            receipt: Arc::new(Granted::default()),
            keeper,
            lane: None,
            copy: None,
        };
        (self.ledger.grant(grant, self.start, self.start), lease)
    }

    fn grants(&mut self, count: usize) -> Vec<Id> {
        (0..count).map(|_| self.grant().0).collect()
    }

    /// The visibility changes that are sent then, lingering aside.
    fn changes(&mut self, seconds: u64) -> Vec<Change> {
        let now = self.at(seconds);
        self.ledger.wake(now);
        self.ledger.next_changes(now, true).unwrap_or_default()
    }

    fn answer(&mut self, change: &Change, answer: &Answer, sent: u64, now: u64) {
        let (sent, now) = (self.at(sent), self.at(now));
        self.ledger.changed(change, answer, sent, now);
    }
}

fn ids(changes: &[Change]) -> Vec<Id> {
    changes.iter().map(|change| change.id).collect()
}

#[test]
fn a_lease_is_extended_at_half_of_its_time_and_again_from_there() {
    let mut case = Case::new();
    let (id, lease) = case.grant();
    assert!(case.changes(14).is_empty());
    let beat = case.changes(15);
    assert_eq!(
        (ids(&beat), beat[0].seconds, beat[0].extends),
        (vec![id], 30, true)
    );
    case.answer(&beat[0], &Answer::Done, 15, 16);
    assert!(
        case.changes(29).is_empty(),
        "the lease is confirmed until 45"
    );
    assert_eq!(ids(&case.changes(30)), [id]);
    assert!(!lease.is_lost());
}

#[test]
fn a_lease_counts_from_the_start_of_the_receive() {
    let mut case = Case::new();
    let grant = Grant {
        receipt: Arc::new(Granted::default()),
        keeper: LeaseKeeper::new(),
        lane: None,
        copy: None,
    };
    let (start, answered) = (case.start, case.at(20));
    let id = case.ledger.grant(grant, start, answered);
    assert!(case.changes(22).is_empty());
    assert_eq!(
        ids(&case.changes(23)),
        [id],
        "a quarter of what is left has gone"
    );
    assert!(!case.ledger.is_ours(id, case.at(30)));
}

#[test]
fn heartbeats_go_out_in_tens_with_those_that_are_nearly_due() {
    let mut case = Case::new();
    case.grants(3);
    case.start += SECOND;
    case.grants(20);
    let due = case.at(14);
    case.ledger.wake(due);
    assert_eq!(
        case.ledger
            .next_changes(due, false)
            .map(|batch| batch.len()),
        None,
        "it lingers"
    );
    let lingered = due + LINGER;
    assert_eq!(case.ledger.next_changes(lingered, false).unwrap().len(), 10);
}

#[test]
fn a_refused_extension_loses_the_lease() {
    let mut case = Case::new();
    let (id, lease) = case.grant();
    let beat = case.changes(15);
    case.answer(&beat[0], &Answer::Refused, 15, 16);
    assert!(lease.is_lost());
    assert!(!case.ledger.is_ours(id, case.at(16)));
    assert!(case.ledger.take_ended()[0].lost);
}

#[test]
fn a_failed_extension_is_retried_until_the_confirmed_deadline() {
    let mut case = Case::new();
    let (_, lease) = case.grant();
    let mut tries = 0;
    for second in 15..30 {
        for beat in case.changes(second) {
            tries += 1;
            case.answer(&beat, &Answer::Failed, second, second);
        }
    }
    assert!(tries >= 3, "{tries}");
    assert!(!lease.is_lost());
    case.changes(30);
    assert!(lease.is_lost());
}

#[test]
fn an_extension_without_an_answer_loses_the_lease_at_the_deadline() {
    let mut case = Case::new();
    let (_, lease) = case.grant();
    let beat = case.changes(15);
    case.changes(30);
    assert!(lease.is_lost());
    case.answer(&beat[0], &Answer::Done, 15, 31);
    assert_eq!(case.ledger.len(), 0, "a late answer brings nothing back");
}

#[test]
fn an_extension_asks_for_no_more_than_twelve_hours_leave() {
    let mut case = Case::new();
    let (_, lease) = case.grant();
    let twelve_hours = 12 * 60 * 60;
    let mut second = 15;
    let mut last = 0;
    while second < twelve_hours {
        for beat in case.changes(second) {
            last = second + u64::from(beat.seconds);
            assert!(last <= twelve_hours, "{second} + {}", beat.seconds);
            case.answer(&beat, &Answer::Done, second, second);
        }
        second += 1;
    }
    assert_eq!(last, twelve_hours);
    assert!(!lease.is_lost());
    case.changes(twelve_hours);
    assert!(lease.is_lost());
}

#[test]
fn a_nack_waits_for_a_heartbeat_in_flight() {
    let mut case = Case::new();
    let (id, _) = case.grant();
    let beat = case.changes(15);
    let now = case.at(16);
    case.ledger.leave(id, Return::After(5), false, now);
    assert!(
        case.changes(17).is_empty(),
        "one request of a receipt at a time"
    );
    case.answer(&beat[0], &Answer::Done, 15, 18);
    let nack = case.changes(18);
    assert_eq!((nack[0].seconds, nack[0].extends), (5, false));
    case.answer(&nack[0], &Answer::Done, 18, 19);
    assert_eq!(case.ledger.len(), 0);
    assert!(case.changes(40).is_empty(), "no heartbeat comes after it");
}

#[test]
fn a_heartbeat_that_is_still_gathered_becomes_the_nack() {
    let mut case = Case::new();
    let (id, _) = case.grant();
    let now = case.at(15);
    case.ledger.wake(now);
    case.ledger.leave(id, Return::After(0), false, now);
    let sent = case.changes(15);
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].extends);
}

#[test]
fn heartbeats_go_on_until_the_delete_is_confirmed_and_refusals_are_ignored() {
    let mut case = Case::new();
    let (id, _) = case.grant();
    case.ledger.delete(id, case.at(1));
    assert_eq!(
        case.ledger.next_deletes(case.at(2), false).unwrap().len(),
        1
    );
    let beat = case.changes(15);
    assert_eq!(ids(&beat), [id]);
    case.answer(&beat[0], &Answer::Refused, 15, 16);
    assert_eq!(case.ledger.len(), 1);
    case.ledger.deleted(id, &Answer::Done, case.at(17));
    assert_eq!(case.ledger.len(), 0);
    assert!(!case.ledger.take_ended()[0].lost);
}

#[test]
fn failed_deletes_are_retried_until_the_lease_ends() {
    let mut case = Case::new();
    let (id, _) = case.grant();
    case.ledger.delete(id, case.at(0));
    for second in 1..30 {
        let now = case.at(second);
        case.ledger.wake(now);
        while case.ledger.next_deletes(now, true).is_some() {
            case.ledger.deleted(id, &Answer::Failed, now);
        }
    }
    assert_eq!(case.ledger.len(), 1);
    case.ledger.wake(case.at(30));
    assert_eq!(case.ledger.len(), 0);
    assert_eq!(
        case.ledger
            .next_deletes(case.at(60), true)
            .map(|batch| batch.len()),
        None
    );
}

#[test]
fn what_has_ended_is_dropped_at_the_moment_of_sending() {
    let mut case = Case::new();
    let (first, _) = case.grant();
    case.start += SECOND * 10;
    let (second, _) = case.grant();
    let now = case.at(19);
    case.ledger.delete(first, now);
    case.ledger.delete(second, now);
    let sent = case.ledger.next_deletes(case.at(20), true).unwrap();
    assert_eq!(
        sent.iter().map(|delete| delete.id).collect::<Vec<_>>(),
        [second]
    );
}

#[test]
fn what_goes_alone_has_a_request_of_its_own() {
    let mut case = Case::new();
    let ids = case.grants(3);
    let now = case.at(15);
    case.ledger.wake(now);
    case.ledger.leave(ids[1], Return::After(0), true, now);
    let alone = case.ledger.next_changes(now, true).unwrap();
    assert_eq!(
        (alone.len(), alone[0].id, alone[0].extends),
        (1, ids[1], false)
    );
    let rest = case.ledger.next_changes(now, true).unwrap();
    assert_eq!(super::tests::ids(&rest), [ids[0], ids[2]]);
}

#[test]
fn what_is_held_is_counted() {
    let mut case = Case::new();
    let ids = case.grants(3);
    case.ledger.delete(ids[0], case.at(0));
    case.ledger.leave(ids[1], Return::Expire, false, case.at(0));
    assert_eq!((case.ledger.held(), case.ledger.len()), (1, 2));
}
