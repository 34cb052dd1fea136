use std::time::Duration;

use fastrand::Rng;
use tracehop::worker::LostLease;

pub(crate) const QUEUE: &str = "work";
pub(crate) const DEAD: &str = "dead";

/// What one seed brings about.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) visibility: Duration,
    pub(crate) max_receives: Option<u32>,
    pub(crate) lost_lease: LostLease,
    pub(crate) reject: Reject,
    /// When each message is sent, and in which lane.
    pub(crate) messages: Vec<(Duration, Option<u8>)>,
    /// What workers do one after another, for each of the tracks that run side by side.
    pub(crate) tracks: Vec<Vec<Life>>,
    pub(crate) faults: Vec<(Duration, Fault)>,
}

/// One worker from its start to its end.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) concurrency: usize,
    pub(crate) batch: Option<(usize, Duration)>,
    pub(crate) drain: Duration,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) lives_for: Duration,
    /// It is shut down, or else dropped.
    pub(crate) shutdown: bool,
    /// When it is paused, and for how long.
    pub(crate) pause: Option<(Duration, Duration)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    Broker,
    To,
    Discard,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    RevokeOne,
    RevokeAll,
    FailSettles(usize),
    FailSends(usize),
    Outage(Duration),
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let finish = maybe(rng, 4);
        let tracks: Vec<Vec<Life>> = (0..rng.usize(1..3))
            .map(|_| (0..rng.usize(1..4)).map(|_| Life::draw(rng)).collect())
            .collect();
        // A handler that goes on without its lease, or a batch with one of its leases, would
        // rightly overlap with the next delivery once the visibility time is over.
        let outlives = finish || tracks.iter().flatten().any(|life| life.batch.is_some());
        Self {
            visibility: seconds(rng, if outlives { 600..700 } else { 1..30 }),
            max_receives: maybe(rng, 4).then(|| rng.u32(2..6)),
            lost_lease: if finish {
                LostLease::Finish
            } else {
                LostLease::Cancel
            },
            reject: *rng
                .choice(&[Reject::Broker, Reject::To, Reject::Discard])
                .unwrap(),
            messages: messages(rng),
            tracks,
            faults: (0..rng.usize(0..12))
                .map(|_| (millis(rng, 0..120_000), Fault::draw(rng)))
                .collect(),
        }
    }
}

impl Life {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            concurrency: rng.usize(1..5),
            batch: maybe(rng, 3).then(|| {
                let linger = if maybe(rng, 2) {
                    millis(rng, 1..3000)
                } else {
                    Duration::ZERO
                };
                (rng.usize(1..5), linger)
            }),
            drain: if maybe(rng, 8) {
                Duration::ZERO
            } else {
                millis(rng, 100..20_000)
            },
            timeout: maybe(rng, 3).then(|| millis(rng, 500..15_000)),
            max_attempts: maybe(rng, 4).then(|| rng.u32(1..5)),
            lives_for: millis(rng, 0..60_000),
            shutdown: !maybe(rng, 3),
            pause: maybe(rng, 5).then(|| (millis(rng, 0..20_000), millis(rng, 0..20_000))),
        }
    }

    /// One that handles whatever is left.
    pub(crate) fn last() -> Self {
        Self {
            concurrency: 4,
            batch: None,
            drain: Duration::from_secs(5),
            timeout: None,
            max_attempts: None,
            lives_for: Duration::from_hours(24),
            shutdown: true,
            pause: None,
        }
    }

    /// The most deliveries that it may hold.
    pub(crate) fn slots(&self) -> usize {
        self.concurrency * self.batch.map_or(1, |(most, _)| most)
    }
}

impl Fault {
    fn draw(rng: &mut Rng) -> Self {
        match rng.u8(..10) {
            0..5 => Self::RevokeOne,
            5 => Self::RevokeAll,
            6..8 => Self::FailSettles(rng.usize(1..4)),
            8 => Self::FailSends(rng.usize(1..4)),
            _ => Self::Outage(millis(rng, 1..20_000)),
        }
    }
}

/// Half of them wait from the start; the others come in the course of time.
fn messages(rng: &mut Rng) -> Vec<(Duration, Option<u8>)> {
    let lanes = rng.u8(0..4);
    let mut messages: Vec<_> = (0..rng.usize(1..25))
        .map(|_| {
            let at = if rng.bool() {
                Duration::ZERO
            } else {
                millis(rng, 0..60_000)
            };
            (at, (lanes > 0 && !maybe(rng, 5)).then(|| rng.u8(..lanes)))
        })
        .collect();
    messages.sort();
    messages
}

fn maybe(rng: &mut Rng, one_in: u8) -> bool {
    rng.u8(..one_in) == 0
}

fn seconds(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_secs(rng.u64(range))
}

pub(crate) fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}
