use super::*;

const LINGER: Duration = Duration::from_millis(5);
const GATHERING: Gathering = Gathering {
    linger: LINGER,
    many: 5,
    most: 9,
};

/// A channel with the deliveries 1 to `count`, each its own tag.
fn ladder(count: u64) -> Ladder<u64> {
    let mut ladder = Ladder::new(GATHERING);
    for tag in 1..=count {
        ladder.push(tag, tag);
    }
    ladder
}

fn ack<const N: usize>(items: [u64; N]) -> Command<u64> {
    command(How::Ack, items)
}

fn command<const N: usize>(how: How, items: [u64; N]) -> Command<u64> {
    Command {
        how,
        items: items.to_vec(),
    }
}

#[test]
fn acks_that_came_in_any_order_go_out_as_one() {
    let now = Instant::now();
    let mut ladder = ladder(4);
    for tag in [3, 1, 2] {
        assert!(ladder.record(tag, How::Ack, now));
    }
    assert_eq!(ladder.round(now + LINGER, false), [ack([1, 2, 3])]);
    ladder.landed();
    ladder.record(4, How::Ack, now);
    assert_eq!(ladder.round(now, true), [ack([4])]);
}

#[test]
fn nothing_goes_out_before_its_linger_is_over_unless_flushed() {
    let now = Instant::now();
    let mut ladder = ladder(2);
    ladder.record(1, How::Ack, now);
    assert_eq!(ladder.due(), Some(now + LINGER));
    assert!(ladder.round(now, false).is_empty());
    assert_eq!(ladder.round(now, true), [ack([1])]);
    assert_eq!(ladder.due(), None);
}

#[test]
fn many_go_out_at_once_as_one_ack() {
    let now = Instant::now();
    let mut ladder = ladder(7);
    for tag in [2, 3, 4, 5, 7] {
        ladder.record(tag, How::Ack, now);
    }
    assert!(!ladder.hurries() && ladder.round(now, false).is_empty());
    ladder.record(1, How::Ack, now);
    assert!(ladder.hurries());
    assert_eq!(ladder.round(now, false), [ack([1, 2, 3, 4, 5])]);
    assert!(!ladder.hurries(), "7 waits for 6");
}

#[test]
fn acks_behind_what_is_unsettled_go_out_at_once_where_the_broker_would_run_dry() {
    let now = Instant::now();
    let mut ladder = ladder(10);
    for tag in 2..=9 {
        ladder.record(tag, How::Ack, now);
    }
    assert!(!ladder.hurries() && ladder.round(now, false).is_empty());
    ladder.record(10, How::Ack, now);
    assert!(ladder.hurries());
    assert_eq!(ladder.round(now, false).len(), 9);
    assert!(!ladder.hurries());
}

#[test]
fn an_ack_never_covers_what_is_unsettled() {
    let now = Instant::now();
    let mut ladder = ladder(5);
    for tag in [1, 2, 4, 5] {
        ladder.record(tag, How::Ack, now);
    }
    let round = ladder.round(now + LINGER, false);
    assert_eq!(round, [ack([1, 2]), ack([4]), ack([5])]);
    ladder.landed();
    ladder.record(3, How::Ack, now);
    assert_eq!(ladder.round(now + LINGER, false), [ack([3])]);
}

#[test]
fn an_ack_behind_what_is_unsettled_waits_for_it_as_long_as_it_may() {
    let now = Instant::now();
    let mut ladder = ladder(3);
    ladder.record(1, How::Ack, now);
    ladder.record(3, How::Ack, now + LINGER / 2);
    assert_eq!(ladder.round(now + LINGER, false), [ack([1])]);
    ladder.landed();
    ladder.record(2, How::Ack, now + LINGER);
    assert_eq!(ladder.round(now + LINGER * 2, false), [ack([2, 3])]);
}

#[test]
fn an_ack_never_covers_what_is_to_come_again() {
    let now = Instant::now();
    let mut ladder = ladder(3);
    ladder.record(1, How::Ack, now);
    ladder.record(2, How::Requeue, now);
    ladder.record(3, How::Ack, now);
    let round = ladder.round(now + LINGER, false);
    let apart = [ack([1]), command(How::Requeue, [2]), ack([3])];
    assert_eq!(round, apart);
}

#[test]
fn a_round_waits_until_the_one_before_has_landed() {
    let now = Instant::now();
    let mut ladder = ladder(3);
    ladder.record(2, How::Reject, now);
    assert_eq!(ladder.round(now, true), [command(How::Reject, [2])]);
    ladder.record(1, How::Ack, now);
    ladder.record(3, How::Ack, now);
    assert!(ladder.round(now, true).is_empty(), "it would pass over 2");
    ladder.landed();
    assert_eq!(ladder.round(now, true), [ack([1, 3])]);
}

#[test]
fn a_delivery_is_settled_once() {
    let now = Instant::now();
    let mut ladder = ladder(2);
    assert!(ladder.record(1, How::Ack, now));
    assert!(!ladder.record(1, How::Requeue, now));
    assert_eq!(ladder.held(1), None);
    ladder.round(now, true);
    assert!(!ladder.record(1, How::Ack, now));
    assert!(!ladder.record(9, How::Ack, now));
    assert!(!ladder.record(0, How::Ack, now));
    assert_eq!(ladder.held(2), Some(&mut 2));
}

#[test]
fn tags_that_never_came_hold_up_nothing() {
    let now = Instant::now();
    let mut ladder = Ladder::new(GATHERING);
    ladder.push(7, 7);
    ladder.push(9, 9);
    ladder.record(7, How::Ack, now);
    ladder.record(9, How::Ack, now);
    assert_eq!(ladder.round(now, true), [ack([7, 9])]);
}

#[test]
fn the_oldest_unsettled_ones_are_found() {
    let now = Instant::now();
    let mut ladder = ladder(5);
    ladder.record(2, How::Ack, now);
    assert_eq!(ladder.held_until(|tag| *tag > 3), [1, 3]);
    assert_eq!(ladder.items().count(), 5);
}

/// A broker that does what RabbitMQ does with the frames of a channel.
#[derive(Default)]
struct Channel {
    unsettled: std::collections::BTreeSet<u64>,
    acked: Vec<u64>,
    returned: Vec<u64>,
}

impl Channel {
    fn take(&mut self, command: &Command<u64>) {
        let tag = *command.items.last().expect("a command settles something");
        assert!(self.unsettled.contains(&tag), "unknown delivery tag {tag}");
        if command.how != How::Ack {
            self.unsettled.remove(&tag);
            return self.returned.push(tag);
        }
        let multiple = command.items.len() > 1;
        let covered = |unsettled: &&u64| **unsettled == tag || multiple && **unsettled < tag;
        let acked: Vec<u64> = self.unsettled.iter().filter(covered).copied().collect();
        self.unsettled.retain(|tag| !acked.contains(tag));
        self.acked.extend(acked);
    }
}

#[test]
fn whatever_is_settled_in_whatever_order_reaches_the_broker_as_it_was_meant() {
    let start = Instant::now();
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut ladder = Ladder::new(GATHERING);
        let mut channel = Channel::default();
        let (mut in_hand, mut acks, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 1;
        for step in 0..400 {
            let now = start + Duration::from_millis(step);
            if random.f32() < 0.5 {
                ladder.push(next, next);
                channel.unsettled.insert(next);
                in_hand.push(next);
                next += 1;
            }
            if !in_hand.is_empty() && random.f32() < 0.6 {
                let tag = in_hand.swap_remove(random.usize(..in_hand.len()));
                let ack = random.f32() < 0.8;
                let how = if ack { How::Ack } else { How::Requeue };
                if ack { &mut acks } else { &mut others }.push(tag);
                assert!(ladder.record(tag, how, now));
            }
            let mut round = ladder.round(now, false);
            random.shuffle(&mut round);
            for command in &round {
                channel.take(command);
            }
            ladder.landed();
        }
        for command in ladder.round(start + Duration::from_secs(9), true) {
            channel.take(&command);
        }
        for sets in [
            (&mut channel.acked, &mut acks),
            (&mut channel.returned, &mut others),
        ] {
            sets.0.sort_unstable();
            sets.1.sort_unstable();
            assert_eq!(sets.0, sets.1, "seed {seed}");
        }
        in_hand.sort_unstable();
        assert!(channel.unsettled.iter().eq(&in_hand));
    }
}
