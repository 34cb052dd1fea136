use std::collections::BTreeSet;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep, sleep_until};
use tracehop::contract::{Capacity, Message, Sink, Source};
use tracehop::memory::{MemoryBroker, QueueOptions};

use crate::life::Place;
use crate::plan::{DEAD, Fault, Life, Plan, QUEUE};
use crate::spans::Spans;
use crate::world::World;

/// What a seed led to.
pub(crate) struct Report {
    pub(crate) violations: Vec<String>,
    /// Everything that happened, where it is kept.
    pub(crate) journal: Option<Vec<String>>,
    pub(crate) outcome: Outcome,
}

/// How often the things happened that the simulation is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) drained: usize,
    pub(crate) abandoned: usize,
    pub(crate) dropped: usize,
    pub(crate) lost_leases: usize,
    pub(crate) failed_settles: usize,
    pub(crate) dead: usize,
    pub(crate) discarded: usize,
}

impl Outcome {
    /// What never happened.
    pub(crate) fn dull(&self) -> Vec<&'static str> {
        let counts = [
            ("drained", self.drained),
            ("abandoned", self.abandoned),
            ("dropped", self.dropped),
            ("lost_leases", self.lost_leases),
            ("failed_settles", self.failed_settles),
            ("dead", self.dead),
            ("discarded", self.discarded),
        ];
        let never = counts.into_iter().filter(|(_, count)| *count == 0);
        never.map(|(name, _)| name).collect()
    }
}

impl Add for Outcome {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            drained: self.drained + other.drained,
            abandoned: self.abandoned + other.abandoned,
            dropped: self.dropped + other.dropped,
            lost_leases: self.lost_leases + other.lost_leases,
            failed_settles: self.failed_settles + other.failed_settles,
            dead: self.dead + other.dead,
            discarded: self.discarded + other.discarded,
        }
    }
}

pub(crate) fn run(seed: u64, keeps_journal: bool) -> Report {
    // The backoff's jitter is drawn from the thread's own generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let spans = Spans::default();
    let (world, outcome) = runtime.block_on(scenario(seed, keeps_journal, &spans));
    // What still runs is dropped with it.
    drop(runtime);
    world.check_last(spans.open() == 0, || {
        format!("{} spans never ended", spans.open())
    });
    world.check_last(spans.ended_twice() == 0, || "a span ended twice".to_owned());
    let invocations = world.lock().invocations;
    world.check_last(spans.processed() == invocations, || {
        format!(
            "{} process spans for {invocations} handlings",
            spans.processed()
        )
    });
    let mut state = world.lock();
    Report {
        violations: std::mem::take(&mut state.violations),
        journal: state.journal.take(),
        outcome,
    }
}

async fn scenario(seed: u64, keeps_journal: bool, spans: &Spans) -> (World, Outcome) {
    let mut rng = Rng::with_seed(seed);
    let plan = Arc::new(Plan::draw(&mut rng));
    let world = World::new(rng, &plan, keeps_journal);
    let instrumentation = spans.instrumentation();
    let broker = MemoryBroker::new().with_instrumentation(instrumentation.clone());
    let mut options = QueueOptions::default()
        .visibility(plan.visibility)
        .dead_letters(DEAD);
    if let Some(max) = plan.max_receives {
        options = options.max_receives(max);
    }
    broker.declare(QUEUE, options);
    let place = Place {
        broker: broker.clone(),
        world: world.clone(),
        instrumentation,
        plan: Arc::clone(&plan),
        calm: Arc::new(AtomicBool::new(false)),
    };

    let sending = tokio::spawn(send(broker.clone(), world.clone(), Arc::clone(&plan)));
    let faults = tokio::spawn(disturb(broker.clone(), world.clone(), Arc::clone(&plan)));
    let tracks: Vec<_> = (0..plan.tracks.len())
        .map(|track| tokio::spawn(lives(place.clone(), track)))
        .collect();
    let mut outcome = Outcome::default();
    for track in tracks {
        outcome = outcome + track.await.unwrap();
    }
    faults.await.unwrap();
    sending.await.unwrap();
    broker.fail_settles(QUEUE, 0);
    place.calm.store(true, Ordering::Relaxed);
    outcome = outcome + place.live(&Life::last(), emptied(broker.clone())).await;

    let dead = dead_letters(&broker).await;
    account(
        &world,
        &plan,
        &dead,
        broker.waiting(QUEUE) + broker.in_hand(QUEUE).len(),
    );
    outcome.dead = dead.len();
    outcome.discarded = world.lock().discarded.len();
    (world, outcome)
}

/// Nothing is lost: every message was handled with success, or is a dead letter, or was rejected
/// where rejected messages are discarded.
fn account(world: &World, plan: &Plan, dead: &BTreeSet<String>, left: usize) {
    world.check(left == 0, || format!("{left} messages are stuck"));
    for number in 0..plan.messages.len() {
        let id = format!("m{number}");
        let state = world.lock();
        let known =
            state.succeeded.contains(&id) || state.discarded.contains(&id) || dead.contains(&id);
        drop(state);
        world.check(known, || format!("{id} is lost"));
    }
}

async fn lives(place: Place, track: usize) -> Outcome {
    let mut outcome = Outcome::default();
    for life in &place.plan.tracks[track] {
        outcome = outcome + place.live(life, std::future::pending()).await;
    }
    outcome
}

async fn send(broker: MemoryBroker, world: World, plan: Arc<Plan>) {
    let start = Instant::now();
    for (number, (at, lane)) in (0..).zip(&plan.messages) {
        sleep_until(start + *at).await;
        let mut message = Message::new(number.to_string());
        message.properties.message_id = Some(format!("m{number}"));
        if let Some(lane) = lane {
            let lane = format!("lane-{lane}");
            world.sent(&lane, number);
            message = message.with_group(lane);
        }
        // The broker may be away for a while.
        while broker.sink(QUEUE).send(message.clone()).await.is_err() {
            sleep(Duration::from_millis(500)).await;
        }
    }
}

async fn disturb(broker: MemoryBroker, world: World, plan: Arc<Plan>) {
    let start = Instant::now();
    let mut faults = plan.faults.clone();
    faults.sort_by_key(|(at, _)| *at);
    for (at, fault) in faults {
        sleep_until(start + at).await;
        world.note(|| format!("{fault:?}"));
        match fault {
            Fault::RevokeOne => {
                let held = broker.in_hand(QUEUE);
                let chosen = world.lock().rng.choice(&held).cloned();
                chosen.map(|id| broker.revoke(QUEUE, &id));
            }
            Fault::RevokeAll => drop(broker.revoke_all(QUEUE)),
            Fault::FailSettles(count) => broker.fail_settles(QUEUE, count),
            Fault::FailSends(count) => broker.fail_sends(DEAD, count),
            Fault::Outage(time) => {
                broker.interrupt(QUEUE, "planned");
                sleep(time).await;
                broker.restore(QUEUE);
            }
        }
    }
}

/// Ready once the queue is empty, and after a day at the latest.
async fn emptied(broker: MemoryBroker) {
    while broker.waiting(QUEUE) + broker.in_hand(QUEUE).len() > 0 {
        sleep(Duration::from_secs(1)).await;
    }
}

async fn dead_letters(broker: &MemoryBroker) -> BTreeSet<String> {
    let waiting = broker.waiting(DEAD);
    let source = broker.source(DEAD);
    source
        .open(Capacity {
            slots: 1000,
            per_lane: 1000,
        })
        .await
        .unwrap();
    let mut dead = BTreeSet::new();
    let mut held = Vec::new();
    while held.len() < waiting {
        for delivery in source.receive(1000).await.unwrap() {
            dead.extend(delivery.message.properties.message_id.clone());
            held.push(delivery);
        }
    }
    dead
}
