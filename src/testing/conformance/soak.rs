//! Many messages, and faults drawn from a seed: nothing is lost, whatever happens to whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::features::has;
use super::journal::text;
use super::{Fixture, LIMIT, QueueKind, message, worker};
use crate::contract::SinkExt;
use crate::worker::{Backoff, DeadLetter, Failure, Incoming};

/// Handlers fail, panic, hang, reject and are cut off, leases are lost and workers die: every
/// message is handled in the end, or a dead letter.
pub async fn nothing_is_lost_among_faults<F: Fixture>(fixture: &F) {
    soak(fixture, QueueKind::Plain, count(fixture)).await;
}

/// The same with lanes, and a fifth of the messages: they are handled in the order of their lane,
/// each for the first time only after all before it.
pub async fn no_lane_loses_its_order_among_faults<F: Fixture>(fixture: &F) {
    let features = fixture.features();
    let ordered = features.lanes && features.order_through_failures;
    if has(ordered, "lanes that keep their order through failures") {
        soak(fixture, QueueKind::Lanes, count(fixture).div_ceil(5)).await;
    }
}

const LANES: usize = 50;
/// Shares of the messages after which the worker dies.
const DEATHS: [usize; 3] = [20, 45, 80];

async fn soak<F: Fixture>(fixture: &F, kind: QueueKind, count: usize) {
    let seed = seed();
    let queue = fixture.make_queue(kind).await;
    let dead = fixture.make_queue(QueueKind::Plain).await;
    send(fixture, &queue, kind, count).await;

    let (hanging, mut hung) = mpsc::unbounded_channel();
    let soak = Soak {
        seed,
        state: Arc::default(),
        settled: watch::Sender::new(0),
        hanging,
    };
    let letters = soak.clone();
    let reading = worker(fixture, &dead, move |letter: Incoming| {
        letters.settle(text(&letter), false);
        std::future::ready(Ok(()))
    });
    let stop = CancellationToken::new();
    let working = async {
        let _stop = stop.clone().drop_guard();
        for share in DEATHS {
            let failing = failing(fixture, &queue, &dead, &soak);
            // Dropped where it stands.
            tokio::select! {
                ended = failing.run_until(std::future::pending::<()>()) => panic!("{ended:?}"),
                () = soak.has(count * share / 100) => {}
                () = revoking(fixture, &queue, &mut hung) => {}
            }
            while hung.try_recv().is_ok() {}
        }
        let last = failing(fixture, &queue, &dead, &soak);
        let done = async {
            tokio::select! {
                () = soak.has(count) => {}
                () = revoking(fixture, &queue, &mut hung) => {}
            }
        };
        last.run_until(done).await.expect("the worker is to run");
    };
    let (read, ()) = tokio::join!(reading.run_until(stop.cancelled()), working);
    read.expect("the reader of dead letters is to run");
    if kind == QueueKind::Lanes {
        in_order(&soak.state().ended, seed);
    }
}

/// A worker whose handler draws its faults.
fn failing<F: Fixture>(
    fixture: &F,
    queue: &str,
    dead: &str,
    soak: &Soak,
) -> crate::worker::Worker<F::Source, impl crate::worker::Work + use<F>> {
    let soak = soak.clone();
    let handler = move |incoming: Incoming| {
        let soak = soak.clone();
        async move { soak.handle(&incoming).await }
    };
    let short = Duration::from_millis(20);
    worker(fixture, queue, handler)
        .concurrency(64)
        .timeout(Duration::from_secs(8))
        .backoff(Backoff::new(short, short))
        .on_reject(DeadLetter::to(fixture.sink(dead)))
}

/// Takes the lease of each message whose handler hangs, for as long as this is awaited.
async fn revoking<F: Fixture>(
    fixture: &F,
    queue: &str,
    hung: &mut mpsc::UnboundedReceiver<String>,
) {
    while let Some(id) = hung.recv().await {
        if fixture.features().revocable {
            fixture.revoke(queue, &id).await;
        }
    }
}

async fn send<F: Fixture>(fixture: &F, queue: &str, kind: QueueKind, count: usize) {
    let messages = (0..count).map(|number| {
        let lane = number % LANES;
        let text = format!("{lane}:{}", number / LANES);
        let message = message(text.clone());
        match kind {
            QueueKind::Plain => message,
            QueueKind::Lanes => message.with_group(lane.to_string()).with_dedup_id(text),
        }
    });
    for sent in fixture.sink(queue).send_all(messages).await {
        sent.expect("the message is to be sent");
    }
}

/// Of each lane the messages came to their first end in their order.
fn in_order(ended: &[String], seed: u64) {
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for text in ended {
        let (lane, number) = text.split_once(':').expect("a lane and a number");
        let number: u64 = number.parse().expect("a number");
        if known.insert(text) {
            let before = latest.insert(lane, number);
            let in_order = before.is_none_or(|before| before < number);
            assert!(
                in_order,
                "lane {lane}: {number} after {before:?}, seed {seed}"
            );
        }
    }
}

/// What handlers do, and what came of it. Clones are the same.
#[derive(Clone)]
struct Soak {
    seed: u64,
    state: Arc<Mutex<State>>,
    /// How many messages are handled or dead letters.
    settled: watch::Sender<usize>,
    hanging: mpsc::UnboundedSender<String>,
}

#[derive(Default)]
struct State {
    /// How often a handler was given each message.
    given: HashMap<String, u64>,
    /// What was handled with success or rejected, in that order.
    ended: Vec<String>,
    /// What was handled, or is a dead letter.
    settled: BTreeSet<String>,
}

impl Soak {
    async fn handle(&self, incoming: &Incoming) -> Result<(), Failure> {
        let text = text(incoming);
        match self.draw(&text) {
            0..20 => return Err(Failure::new("by chance")),
            20..30 => return Err(Failure::retry_after(Duration::ZERO)),
            30..33 => {
                // It is over, though it may come again, and be handled, where a position is all
                // that the broker keeps.
                self.state().ended.push(text);
                return Err(Failure::reject("by chance"));
            }
            33 => panic!("a panic of the conformance suite"),
            34..40 => sleep(Duration::from_millis(30)).await,
            40..42 => {
                let id = incoming.id().map(ToOwned::to_owned);
                // With nobody to take the lease away, the time runs out.
                drop(id.map(|id| self.hanging.send(id)));
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        self.settle(text, true);
        Ok(())
    }

    /// A number below 1,000: always the same for the same handling of the same message.
    fn draw(&self, text: &str) -> u64 {
        let mut state = self.state();
        let given = state.given.entry(text.to_owned()).or_default();
        *given += 1;
        let seed = text.bytes().fold(self.seed ^ (*given << 48), |seed, byte| {
            fastrand::Rng::with_seed(seed ^ u64::from(byte)).u64(..)
        });
        // The fourth time is the last.
        let faults = if *given > 3 { 42..1000 } else { 0..1000 };
        fastrand::Rng::with_seed(seed).u64(faults)
    }

    fn settle(&self, text: String, handled: bool) {
        let mut state = self.state();
        if handled {
            state.ended.push(text.clone());
        }
        state.settled.insert(text);
        self.settled.send_replace(state.settled.len());
    }

    /// Waits until so many messages are settled, for as long as there is progress.
    async fn has(&self, count: usize) {
        let mut settled = self.settled.subscribe();
        while *settled.borrow_and_update() < count {
            let moved = timeout(LIMIT, settled.changed()).await;
            let (there, seed) = (*settled.borrow(), self.seed);
            assert!(moved.is_ok(), "{there} of {count} are there, seed {seed}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count<F: Fixture>(fixture: &F) -> usize {
    variable("TRACEHOP_SOAK_MESSAGES")
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_else(|| fixture.soak_messages())
}

/// A new one each time, unless the environment variable `TRACEHOP_SOAK_SEED` says which.
#[expect(
    clippy::print_stdout,
    reason = "who sees it fail wants to see it again"
)]
fn seed() -> u64 {
    let seed = variable("TRACEHOP_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("TRACEHOP_SOAK_SEED={seed}");
    seed
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is to be a number, it is {value:?}")))
}
