use std::sync::Arc;

use lapin::message::Delivery as Received;
use opentelemetry::Context;

use super::super::deliveries::LINGER;
use super::super::outage::MISSING;
use super::*;
use crate::contract::{Destination, ErrorKind, Lease, LeaseKeeper, Message, Operation, System};

const SECOND: Duration = Duration::from_secs(1);

struct World {
    state: State,
    now: Instant,
    next_tag: u64,
}

impl World {
    fn new(prefetch: u16) -> Self {
        let mut state = State::new(Rules {
            prefetch,
            dead_letters: true,
        });
        state.opened();
        Self {
            state,
            now: Instant::now(),
            next_tag: 1,
        }
    }

    fn arrives(&mut self) -> Place {
        let (tag, keeper) = (self.next_tag, LeaseKeeper::new());
        self.next_tag += 1;
        let destination = Arc::new(Destination::new(System::RabbitMq, "orders"));
        let acker = Received::mock(tag, "".into(), "".into(), false, Vec::new()).acker;
        let delivery = Delivery::new(
            Message::new("an order"),
            Arc::clone(&destination),
            keeper.lease(),
            (),
        );
        let granted = Granted {
            acker,
            keeper,
            destination,
            context: Context::new(),
            message_id: Some(format!("m-{tag}")),
            attempt: 1,
            expires: self.now + SECOND * 100,
            copy: None,
        };
        self.state.arrived(tag, granted, delivery, false, self.now);
        let channel = self.state.deliveries.channel;
        Place { channel, tag }
    }

    /// Arrives and is handed over.
    fn in_hand(&mut self) -> (Place, Lease) {
        self.arrives();
        let held = self.state.take(1).pop().expect("it has just come");
        (held.place, held.delivery.lease.clone())
    }

    fn settle(&mut self, place: Place, how: Settlement) -> Settled {
        self.state.settle(place, how, self.now)
    }

    fn later(&mut self, by: Duration) {
        self.now += by;
    }

    /// What goes out now: how, and how many deliveries at a time.
    fn round(&mut self) -> Vec<(How, usize)> {
        let round = self.state.round(self.now);
        self.state.landed();
        let sizes = round.iter();
        sizes
            .map(|command| (command.how, command.items.len()))
            .collect()
    }
}

fn nack(delay: Duration) -> Settlement {
    Settlement::Nack { delay: Some(delay) }
}

fn error(kind: ErrorKind) -> Error {
    let queue = Destination::new(System::RabbitMq, "orders");
    Error::new(Operation::Receive, &queue, kind, "said so")
}

#[test]
fn with_the_channel_every_lease_is_lost_and_its_tags_mean_nothing() {
    let mut world = World::new(10);
    let (old, lease) = world.in_hand();
    world.arrives();
    world.state.lost(&error(ErrorKind::Unavailable));
    assert!(lease.is_lost());
    assert!(world.state.take(9).is_empty());
    assert_eq!(world.settle(old, Settlement::Ack), Settled::LeaseLost);
    world.state.opened();
    world.next_tag = 1;
    let (new, _lease) = world.in_hand();
    assert_eq!(new.tag, old.tag, "tags start again at 1");
    assert_eq!(world.settle(old, Settlement::Ack), Settled::LeaseLost);
    assert!(world.round().is_empty());
    assert_eq!(world.settle(new, Settlement::Ack), Settled::Recorded);
}

#[test]
fn a_failed_delivery_waits_unsettled_and_then_goes_back() {
    let mut world = World::new(10);
    let (place, _lease) = world.in_hand();
    world.settle(place, nack(SECOND));
    assert!(world.round().is_empty());
    assert_eq!(world.state.sleep(), Some(world.now + SECOND));
    world.later(SECOND);
    assert!(world.round().is_empty(), "it waits for company");
    world.later(LINGER);
    assert_eq!(world.round(), [(How::Requeue, 1)]);
}

#[test]
fn nothing_is_held_for_longer_than_the_broker_waits() {
    let mut world = World::new(10);
    let (failed, _lease) = world.in_hand();
    world.settle(failed, nack(Duration::MAX));
    let (_slow, lease) = world.in_hand();
    world.arrives();
    world.later(SECOND * 100);
    assert!(world.round().is_empty() && lease.is_lost());
    assert_eq!(world.state.sleep(), Some(world.now + LINGER));
    world.later(LINGER);
    assert_eq!(world.round(), [(How::Requeue, 1); 3]);
    assert!(world.state.take(9).is_empty());
}

#[test]
fn a_consumer_half_taken_up_by_what_waits_is_exchanged_for_another() {
    let mut world = World::new(4);
    for waiting in 0..3 {
        assert!(!world.state.wants_renewal(), "{waiting} wait");
        let (place, _lease) = world.in_hand();
        world.settle(place, nack(SECOND));
    }
    assert!(world.state.wants_renewal() && world.state.stirs());
    world.state.renewed();
    assert!(!world.state.wants_renewal());
    world.later(SECOND);
    world.round();
    let (place, _lease) = world.in_hand();
    world.settle(place, nack(SECOND));
    assert!(
        !world.state.wants_renewal(),
        "the first three are not its own"
    );
}

#[test]
fn a_quarter_of_the_prefetch_hurries_settlements() {
    let mut world = World::new(8);
    for _ in 0..2 {
        let (place, _lease) = world.in_hand();
        world.settle(place, Settlement::Ack);
    }
    assert!(world.state.stirs());
    assert_eq!(world.round(), [(How::Ack, 2)]);
}

#[test]
fn closing_gives_back_all_that_is_not_in_hand_and_what_still_comes() {
    let mut world = World::new(10);
    let (in_hand, lease) = world.in_hand();
    let (waits, _lease) = world.in_hand();
    world.settle(waits, nack(SECOND * 50));
    world.arrives();
    world.state.close(world.now);
    world.arrives();
    assert_eq!(world.round(), [(How::Requeue, 1); 3]);
    assert!(!lease.is_lost());
    assert!(world.state.is_idle() && !world.state.is_flushed());
    world.state.flush();
    assert!(world.state.is_flushed());
    assert_eq!(world.settle(in_hand, nack(SECOND)), Settled::Recorded);
    assert!(!world.state.is_flushed());
    assert_eq!(world.round(), [(How::Requeue, 1)]);
    assert!(world.state.is_flushed());
    assert_eq!(world.state.unconfirmed(), 0);
}

#[test]
fn settlements_whose_channel_is_lost_are_told_of_at_the_close() {
    let mut world = World::new(10);
    let (place, _lease) = world.in_hand();
    world.settle(place, Settlement::Ack);
    world.state.close(world.now);
    world.state.lost(&error(ErrorKind::Unavailable));
    assert!(world.state.is_flushed());
    assert_eq!(world.state.unconfirmed(), 1);
}

#[test]
fn settlements_of_a_lost_channel_are_past_once_there_is_another() {
    let mut world = World::new(10);
    let (place, _) = world.in_hand();
    world.settle(place, Settlement::Ack);
    world.state.lost(&error(ErrorKind::Unavailable));
    assert_eq!(world.state.unconfirmed(), 1);
    world.state.opened();
    world.state.close(world.now);
    assert_eq!(world.state.unconfirmed(), 0);
}

#[test]
fn a_queue_that_stays_missing_is_deleted() {
    let mut world = World::new(10);
    let missing = || error(ErrorKind::NotFound);
    assert!(world.state.failed(missing(), world.now).is_some());
    assert_eq!(
        world.state.trouble(),
        Some("receive rabbitmq:orders: said so")
    );
    world.later(MISSING);
    let unavailable = error(ErrorKind::Unavailable);
    assert!(world.state.failed(unavailable, world.now).is_some());
    assert!(world.state.failed(missing(), world.now).is_some());
    world.later(MISSING);
    assert!(world.state.failed(missing(), world.now).is_none());
    assert!(world.state.fatal().is_some());
}
