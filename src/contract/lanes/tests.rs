use super::*;

fn lane(name: &'static str) -> Lane {
    Lane::new(name)
}

fn filled(per_lane: usize) -> Lanes<&'static str> {
    let mut lanes = Lanes::new(per_lane);
    for (name, item) in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")] {
        lanes.push(Some(&lane(name)), item);
    }
    lanes.push(None, "free");
    lanes
}

#[test]
fn a_lane_has_one_out_until_it_is_settled() {
    let mut lanes = filled(1);
    assert_eq!(lanes.take(9), ["a1", "b1", "free"]);
    assert!(lanes.take(9).is_empty());
    lanes.settled(&lane("a"));
    assert_eq!(lanes.take(9), ["a2"]);
    assert_eq!(lanes.len(), 1);
}

#[test]
fn a_run_is_contiguous_and_bounded() {
    let mut lanes = filled(2);
    assert_eq!(lanes.take(9), ["a1", "a2", "b1", "free"]);
    lanes.settled(&lane("a"));
    assert!(lanes.take(9).is_empty());
    lanes.settled(&lane("a"));
    assert_eq!(lanes.take(9), ["a3"]);
}

#[test]
fn receivers_of_one_buffer_have_each_their_own_longest_run() {
    let mut lanes = filled(1);
    assert_eq!(lanes.take_runs(9, 3), ["a1", "a2", "a3", "b1", "free"]);
}

#[test]
fn no_more_are_taken_than_asked_for() {
    let mut lanes = filled(8);
    assert_eq!(lanes.take(2), ["a1", "a2"]);
    assert_eq!(lanes.take(1), ["b1"]);
    assert_eq!(lanes.take(0), [""; 0]);
}

#[test]
fn what_is_put_back_goes_first_in_its_lane() {
    let mut lanes = filled(1);
    let first = lanes.take(1);
    lanes.put_back(&lane("a"), first[0]);
    assert_eq!(lanes.take(9), ["b1", "free", "a1"]);
}

#[test]
fn a_held_lane_holds_back_no_other() {
    let mut lanes = filled(1);
    lanes.hold(&lane("a"));
    assert_eq!(lanes.take(9), ["b1", "free"]);
    lanes.resume(&lane("a"));
    assert_eq!(lanes.take(9), ["a1"]);
}

#[test]
fn a_drained_lane_keeps_count_of_what_is_out() {
    let mut lanes = filled(1);
    lanes.take(1);
    assert_eq!(lanes.drain_lane(&lane("a")), ["a2", "a3"]);
    assert_eq!(lanes.out(&lane("a")), 1);
    lanes.push(Some(&lane("a")), "a4");
    assert_eq!(lanes.take(9), ["b1", "free"]);
    lanes.settled(&lane("a"));
    assert_eq!(lanes.take(9), ["a4"]);
}

#[test]
fn what_is_extracted_is_gone_wherever_it_waited() {
    let mut lanes = filled(1);
    let mut gone = lanes.extract(|item| item.ends_with('1') || *item == "free");
    gone.sort_unstable();
    assert_eq!(gone, ["a1", "b1", "free"]);
    assert_eq!(lanes.take(9), ["a2"]);
    assert_eq!(lanes.len(), 1);
}

#[test]
fn lanes_that_are_done_are_forgotten() {
    let mut lanes = filled(1);
    while !lanes.is_empty() {
        lanes.take(9);
        lanes.settled(&lane("a"));
        lanes.settled(&lane("b"));
    }
    lanes.settled(&lane("a"));
    assert!(lanes.by_lane.is_empty());
}
