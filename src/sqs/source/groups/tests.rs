use super::*;

const HEAD: Return = Return::After(30);
const NOW: Return = Return::After(0);

fn lane() -> Lane {
    Lane::new("orders")
}

/// A group of four: 1 was in hand and failed, 2 to 4 were buffered.
fn stopped() -> Groups<&'static str> {
    let mut groups = Groups::new(Duration::from_mins(1));
    for id in 1..=4 {
        let member = Member {
            id: Id(id),
            sequence: u128::from(id) * 100,
            back: if id == 1 { HEAD } else { NOW },
            handed: id == 1,
        };
        groups.stop(&lane(), member);
    }
    groups
}

/// Gives all of it back.
fn given_back(now: Instant) -> Groups<&'static str> {
    let mut groups = stopped();
    for id in [4, 3, 2, 1] {
        groups.step(&lane(), 0, now);
        groups.gone(&lane(), Id(id), now);
    }
    groups
}

#[test]
fn a_group_goes_back_last_first_and_its_head_at_the_end() {
    let now = Instant::now();
    let mut groups = stopped();
    for id in [4, 3, 2] {
        assert_eq!(groups.step(&lane(), 0, now), Step::Return(Id(id), NOW));
        assert_eq!(
            groups.step(&lane(), 0, now),
            Step::Wait,
            "one request at a time"
        );
        groups.gone(&lane(), Id(id), now);
    }
    assert_eq!(groups.step(&lane(), 0, now), Step::Return(Id(1), HEAD));
}

#[test]
fn the_head_waits_for_what_is_still_in_hand_and_its_successors_do_not() {
    let now = Instant::now();
    let mut groups = stopped();
    for id in [4, 3, 2] {
        assert_eq!(groups.step(&lane(), 1, now), Step::Return(Id(id), NOW));
        groups.gone(&lane(), Id(id), now);
    }
    assert_eq!(groups.step(&lane(), 1, now), Step::Wait);
    assert_eq!(groups.step(&lane(), 0, now), Step::Return(Id(1), HEAD));
}

#[test]
fn a_member_that_is_lost_while_it_waits_is_passed_over() {
    let now = Instant::now();
    let mut groups = stopped();
    groups.gone(&lane(), Id(4), now);
    groups.gone(&lane(), Id(3), now);
    assert_eq!(groups.step(&lane(), 0, now), Step::Return(Id(2), NOW));
}

#[test]
fn a_group_goes_on_when_its_head_has_come_again() {
    let now = Instant::now();
    let mut groups = given_back(now);
    assert_eq!(groups.step(&lane(), 0, now), Step::Go(vec![]));
    groups.came(&lane(), 100, Id(5), "head");
    assert_eq!(groups.step(&lane(), 0, now), Step::Go(vec!["head"]));
    for (id, sequence) in [(6, 200), (7, 300), (8, 400)] {
        groups.came(&lane(), sequence, Id(id), "next");
        assert_eq!(groups.step(&lane(), 0, now), Step::Go(vec!["next"]));
    }
    assert!(!groups.is_stopped(&lane()), "all of it came again");
}

#[test]
fn successors_that_come_before_their_head_wait_for_it() {
    let now = Instant::now();
    let mut groups = given_back(now);
    groups.came(&lane(), 300, Id(5), "third");
    assert_eq!(groups.step(&lane(), 0, now), Step::Go(vec![]));
    groups.came(&lane(), 100, Id(6), "head");
    assert_eq!(groups.step(&lane(), 0, now), Step::Go(vec!["head"]));
    groups.came(&lane(), 200, Id(7), "second");
    let order = vec!["second", "third"];
    assert_eq!(groups.step(&lane(), 0, now), Step::Go(order));
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for_for_ever() {
    let now = Instant::now();
    let mut groups = given_back(now);
    groups.came(&lane(), 200, Id(5), "second");
    let due = groups.next_due();
    assert_eq!(due, Some(now + Duration::from_secs(30) + GRACE));
    let later = due.unwrap_or(now);
    assert_eq!(groups.step(&lane(), 0, later), Step::Go(vec!["second"]));
    assert!(!groups.is_stopped(&lane()));
}

#[test]
fn a_group_waits_for_its_dead_letter() {
    let now = Instant::now();
    let mut groups = Groups::<()>::new(GRACE);
    groups.rejecting(&lane());
    assert_eq!(groups.step(&lane(), 0, now), Step::Wait);
    groups.rejected(&lane());
    assert_eq!(groups.step(&lane(), 0, now), Step::Go(vec![]));
}
