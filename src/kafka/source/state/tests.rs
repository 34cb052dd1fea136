use super::*;
use crate::contract::LeaseKeeper;
use crate::kafka::record::Record;
use crate::kafka::source::place::Topic;

const SECOND: Duration = Duration::from_secs(1);

fn assignment(partition: i32, epoch: u64) -> Arc<Assignment> {
    Arc::new(Assignment {
        place: Place {
            topic: Topic::Main,
            partition,
        },
        epoch,
        keeper: LeaseKeeper::new(),
        lane: None,
        name: format!("orders/{partition}"),
    })
}

fn ticket(assignment: &Arc<Assignment>, lane: Option<&'static str>, offset: i64) -> Ticket {
    Ticket {
        assignment: Arc::clone(assignment),
        record: Record::empty(assignment.place.partition, offset),
        context: None,
        key: lane.map(Lane::new),
        attempt: 1,
    }
}

/// A state in which records of these lanes have arrived, at the offsets from 0.
fn arrived(per_lane: usize, lanes: &[&'static str]) -> (State, Arc<Assignment>) {
    let mut state = State::new(per_lane, 100);
    let partition = assignment(0, 1);
    state.assigned(Arc::clone(&partition));
    let records = lanes.iter().zip(0..);
    state.arrived(
        records
            .map(|(lane, offset)| ticket(&partition, Some(lane), offset))
            .collect(),
    );
    (state, partition)
}

/// The partition comes back, with the first record of lane `a`.
fn comes_back(state: &mut State) -> Arc<Assignment> {
    let anew = assignment(0, 2);
    state.assigned(Arc::clone(&anew));
    state.arrived(vec![ticket(&anew, Some("a"), 0)]);
    anew
}

/// At once.
const AGAIN: Fate = Fate::Again {
    attempt: 2,
    then: None,
};

const fn again(then: Instant) -> Fate {
    let then = Some(then);
    Fate::Again { attempt: 2, then }
}

fn offsets(taken: &[Ticket]) -> Vec<i64> {
    taken.iter().map(|ticket| ticket.record.offset).collect()
}

#[test]
fn a_nacked_record_holds_its_lane_until_its_time_and_no_other() {
    let now = Instant::now();
    let (mut state, partition) = arrived(1, &["a", "a", "b"]);
    let taken = state.take(9);
    assert_eq!(offsets(&taken), [0, 2]);
    state.settle(&taken[0], again(now + SECOND));
    state.settle(&taken[1], Fate::Done);
    assert!(state.take(9).is_empty());
    assert_eq!(state.advance(now), Some(now + SECOND));
    assert_eq!(state.advance(now + SECOND), None);
    assert_eq!(offsets(&state.take(9)), [0]);
    assert_eq!(state.uncommitted(None), [(partition.place, 0)]);
}

#[test]
fn a_run_that_comes_again_comes_in_its_order_however_it_is_let_go() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let (mut state, _) = arrived(3, &["a", "a", "a", "a"]);
        let taken = state.take(9);
        assert_eq!(offsets(&taken), [0, 1, 2]);
        for index in order {
            let fate = match index {
                0 => Fate::Done,
                _ => AGAIN,
            };
            state.settle(&taken[index], fate);
        }
        assert_eq!(offsets(&state.take(9)), [1, 2, 3]);
    }
}

#[test]
fn a_record_in_no_lane_comes_again_after_its_time() {
    let now = Instant::now();
    let mut state = State::new(1, 100);
    let partition = assignment(0, 1);
    state.assigned(Arc::clone(&partition));
    state.arrived(vec![
        ticket(&partition, None, 0),
        ticket(&partition, None, 1),
    ]);
    let taken = state.take(9);
    state.settle(&taken[0], again(now + SECOND));
    state.settle(&taken[1], Fate::Done);
    state.advance(now);
    assert!(state.take(9).is_empty());
    state.advance(now + SECOND);
    assert_eq!(offsets(&state.take(9)), [0]);
}

#[test]
fn of_a_partition_that_is_to_go_nothing_more_is_handed_over() {
    let (mut state, partition) = arrived(1, &["a", "a", "b"]);
    let places = [partition.place];
    let taken = state.take(1);
    state.leave(&places);
    assert_eq!(state.in_hand(&places), 1);
    assert!(state.take(9).is_empty());
    assert!(state.rooms().is_empty());
    state.arrived(vec![ticket(&partition, Some("c"), 3)]);
    assert!(state.take(9).is_empty());
    let settled = state.settle(&taken[0], Fate::Done);
    assert_eq!(settled, Settled::Recorded);
    assert!(state.stirs(), "the partition can go");
    assert_eq!(state.in_hand(&places), 0);
    assert_eq!(state.uncommitted(Some(&places)), [(partition.place, 1)]);
}

#[test]
fn what_outlasts_the_drain_is_not_settled_any_more() {
    let (mut state, partition) = arrived(1, &["a"]);
    let taken = state.take(1);
    state.leave(&[partition.place]);
    state.expire(&[partition.place]);
    assert!(taken[0].assignment.keeper.is_lost());
    let settled = state.settle(&taken[0], Fate::Done);
    assert_eq!(settled, Settled::LeaseLost);
    assert_eq!(state.uncommitted(None), [(partition.place, 0)]);
}

#[test]
fn a_receipt_of_an_earlier_assignment_settles_nothing_and_frees_its_lane() {
    let (mut state, partition) = arrived(1, &["a"]);
    let taken = state.take(1);
    state.unassigned(&[partition.place]);
    assert!(taken[0].assignment.keeper.is_lost());
    let anew = comes_back(&mut state);
    assert!(state.take(9).is_empty(), "two of a lane at a time");
    let settled = state.settle(&taken[0], Fate::Done);
    assert_eq!(settled, Settled::LeaseLost);
    assert_eq!(state.uncommitted(None), [(anew.place, 0)]);
    assert_eq!(offsets(&state.take(9)), [0]);
}

#[test]
fn a_stopped_lane_stays_stopped_until_its_partition_goes() {
    let (mut state, partition) = arrived(1, &["a", "a", "b"]);
    state.set_joined(true);
    let taken = state.take(9);
    let reason = "no such order".to_owned();
    state.settle(&taken[0], Fate::Stopped { reason });
    state.settle(&taken[1], Fate::Done);
    assert_eq!(state.trouble(), Some("no such order"));
    assert!(state.take(9).is_empty());
    assert_eq!(state.uncommitted(None), [(partition.place, 0)]);

    state.unassigned(&[partition.place]);
    assert_eq!(state.trouble(), None);
    comes_back(&mut state);
    assert_eq!(offsets(&state.take(9)), [0]);
}

#[test]
fn a_lane_that_waits_goes_on_at_once_when_its_partition_goes_and_comes_back() {
    let now = Instant::now();
    let (mut state, partition) = arrived(1, &["a", "a"]);
    let taken = state.take(1);
    state.settle(&taken[0], again(now + SECOND));
    assert!(state.take(9).is_empty());

    state.unassigned(&[partition.place]);
    comes_back(&mut state);
    assert_eq!(offsets(&state.take(9)), [0]);
    assert_eq!(state.advance(now), None, "nothing waits any more");
}

#[test]
fn a_run_of_a_partition_that_went_before_it_was_settled_holds_no_lane() {
    let now = Instant::now();
    let (mut state, partition) = arrived(2, &["a", "a"]);
    let taken = state.take(9);
    state.settle(&taken[0], again(now + SECOND));
    state.unassigned(&[partition.place]);
    state.settle(&taken[1], Fate::Done);

    comes_back(&mut state);
    assert_eq!(offsets(&state.take(9)), [0]);
}

#[test]
fn a_delay_goes_with_its_partition_where_another_has_the_same_key() {
    let now = Instant::now();
    let (mut state, first) = arrived(3, &["a", "a"]);
    let second = assignment(1, 2);
    state.assigned(Arc::clone(&second));
    state.arrived(vec![ticket(&second, Some("a"), 7)]);
    let taken = state.take(9);
    assert_eq!(offsets(&taken), [0, 1, 7]);
    state.settle(&taken[0], again(now + SECOND));
    state.settle(&taken[2], AGAIN);
    state.unassigned(&[first.place]);
    state.settle(&taken[1], Fate::Done);
    assert_eq!(offsets(&state.take(9)), [7]);
}

#[test]
fn fetching_stops_at_the_limit_and_is_asked_for_again_when_half_of_it_is_gone() {
    let mut state = State::new(1, 4);
    let partition = assignment(0, 1);
    state.assigned(Arc::clone(&partition));
    assert_eq!(state.rooms()[0].1, 4);
    state.arrived(
        (0..4)
            .map(|offset| ticket(&partition, None, offset))
            .collect(),
    );
    assert!(state.rooms().is_empty());
    state.take(1);
    assert!(!state.stirs());
    state.take(1);
    assert!(state.stirs());
    assert_eq!(state.rooms()[0].1, 2);
}

#[test]
fn a_closed_state_hands_nothing_over_and_commits_what_is_finished() {
    let (mut state, partition) = arrived(1, &["a", "b"]);
    let taken = state.take(1);
    state.close(Instant::now());
    assert!(state.take(9).is_empty());
    state.settle(&taken[0], Fate::Done);
    assert_eq!(state.uncommitted(None), [(partition.place, 1)]);
}

#[test]
fn of_what_is_finished_the_first_is_told_and_all_is_counted() {
    let mut state = State::new(1, 1_000);
    let partition = assignment(0, 1);
    state.assigned(Arc::clone(&partition));
    state.arrived(
        (0..200)
            .map(|offset| ticket(&partition, None, offset))
            .collect(),
    );
    for ticket in state.take(200) {
        state.settle(&ticket, Fate::Done);
    }
    let finished = state.finished();
    assert_eq!((finished.count, finished.first.len()), (200, 128));
    assert_eq!(finished.first.last().unwrap().1, 127);
    assert_eq!(state.finished().count, 0);
    state.not_committed(finished);
    let again = state.finished();
    assert_eq!((again.count, again.first.len()), (200, 128));
}
