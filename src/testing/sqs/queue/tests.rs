//! The queue without a socket, under schedules drawn from seeds, beside a model of it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::testing::sqs::attributes::Fifo;

/// Seconds of the default visibility timeout.
const VISIBILITY: u64 = 30;

fn message(id: usize, group: Option<&Arc<str>>, now: Instant) -> Message {
    Message {
        id: id.to_string(),
        body: String::new(),
        body_md5: String::new(),
        attributes: BTreeMap::new(),
        trace_header: None,
        group: group.cloned(),
        deduplication_id: Some(id.to_string()),
        sequence: None,
        sent: now,
        dead_letter_source: None,
    }
}

fn want(most: usize) -> Want {
    Want {
        most,
        visibility_timeout: None,
        wait: None,
        attempt: None,
    }
}

fn queue(fifo: bool) -> Queue {
    let mut attributes = Attributes::default();
    attributes.fifo = fifo.then(Fifo::default);
    Queue::new(attributes)
}

/// What a message should be, by its id. A deleted message is none.
struct Expected {
    group: usize,
    hidden_until: Instant,
    /// The last receipt, and the time of its receive.
    receipt: Option<(String, Instant)>,
}

struct Simulation {
    queue: Queue,
    random: fastrand::Rng,
    now: Instant,
    groups: Option<Vec<Arc<str>>>,
    sent: usize,
    waiting: BTreeMap<usize, Expected>,
    stale: Vec<String>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let groups = random
            .bool()
            .then(|| vec!["a".into(), "b".into(), "c".into()]);
        Self {
            queue: queue(groups.is_some()),
            random,
            now: Instant::now(),
            groups,
            sent: 0,
            waiting: BTreeMap::new(),
            stale: Vec::new(),
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_secs(self.random.u64(..8));
        self.queue.wake_up(self.now);
        match self.random.u8(..6) {
            0 | 1 => self.send(),
            2 => self.receive(),
            3 => self.delete(),
            4 => self.change_visibility(),
            _ => self.misuse(),
        }
        self.compare();
    }

    fn send(&mut self) {
        let group = self.random.usize(..3);
        let name = self.groups.as_ref().map(|groups| &groups[group]);
        let delay = Duration::from_secs(self.random.u64(..3) * 10);
        let message = message(self.sent, name, self.now);
        self.queue.send(message, Some(delay), self.now);
        let expected = Expected {
            group,
            hidden_until: self.now + delay,
            receipt: None,
        };
        self.waiting.insert(self.sent, expected);
        self.sent += 1;
    }

    fn receive(&mut self) {
        let most = self.random.usize(1..=10);
        let taken = self.queue.receive(&want(most), None, self.now).unwrap();
        let ids: Vec<usize> = taken
            .deliveries
            .iter()
            .map(|it| it.message.id.parse().unwrap())
            .collect();
        let visible = |it: &Expected| it.hidden_until <= self.now;
        for (place, id) in ids.iter().enumerate() {
            let it = &self.waiting[id];
            assert!(visible(it), "{id} was given out while it was hidden");
            if self.groups.is_some() {
                let before = self.waiting.range(..id);
                let mut before = before.filter(|(_, other)| other.group == it.group);
                let in_order = before.all(|(earlier, _)| ids[..place].contains(earlier));
                assert!(in_order, "{id} was given out before its predecessors");
            }
        }
        let could = match self.groups {
            None => self.waiting.values().filter(|it| visible(it)).count(),
            Some(_) => (0..3).map(|group| self.prefix(group)).sum(),
        };
        assert_eq!(ids.len(), could.min(most), "a receive takes all it can");
        for (id, delivery) in ids.iter().zip(&taken.deliveries) {
            let expected = self.waiting.get_mut(id).unwrap();
            let receipt = (delivery.receipt.handle(), self.now);
            let before = expected.receipt.replace(receipt);
            self.stale.extend(before.map(|(handle, _)| handle));
            expected.hidden_until = self.now + Duration::from_secs(VISIBILITY);
        }
    }

    /// How many messages a group can give: those before the first that is hidden.
    fn prefix(&self, group: usize) -> usize {
        let members = self.waiting.values().filter(|it| it.group == group);
        members.take_while(|it| it.hidden_until <= self.now).count()
    }

    /// A message that has been received, and whether its receipt still holds it.
    fn received(&mut self) -> Option<(usize, String, bool)> {
        let received = self.waiting.iter().filter_map(|(id, it)| {
            let (handle, _) = it.receipt.clone()?;
            Some((*id, handle, it.hidden_until > self.now))
        });
        self.random.choice(received.collect::<Vec<_>>())
    }

    fn delete(&mut self) {
        let Some((id, handle, holds)) = self.received() else {
            return;
        };
        let deleted = self.queue.delete(&handle);
        assert_eq!(deleted.is_ok(), holds || self.groups.is_none());
        if holds {
            self.waiting.remove(&id);
            self.stale.push(handle);
        }
    }

    fn change_visibility(&mut self) {
        let Some((id, handle, holds)) = self.received() else {
            return;
        };
        let timeout = Duration::from_secs(self.random.u64(..4) * 10);
        let changed = self.queue.change_visibility(&handle, timeout, self.now);
        if holds {
            changed.unwrap();
            self.waiting.get_mut(&id).unwrap().hidden_until = self.now + timeout;
        } else {
            assert_eq!(changed.unwrap_err().code, Code::MessageNotInflight);
        }
    }

    /// Receipts that were replaced or used up change nothing.
    fn misuse(&mut self) {
        if let Some(handle) = self.random.choice(&self.stale) {
            let _ = self.queue.delete(handle);
            let changed = self
                .queue
                .change_visibility(handle, Duration::ZERO, self.now);
            assert!(changed.is_err());
        }
    }

    fn compare(&self) {
        let depth = self.queue.depth();
        let hidden = |it: &&Expected| it.hidden_until > self.now;
        let hidden: Vec<_> = self.waiting.values().filter(hidden).collect();
        let delayed = hidden.iter().filter(|it| it.receipt.is_none()).count();
        assert_eq!(depth.delayed, delayed);
        assert_eq!(depth.in_flight, hidden.len() - delayed);
        assert_eq!(depth.visible, self.waiting.len() - hidden.len());
    }
}

#[test]
fn a_queue_does_as_its_model_does_at_every_seed() {
    for seed in 0..500 {
        let run = || {
            let mut simulation = Simulation::new(seed);
            (0..200).for_each(|_| simulation.step());
        };
        let result = std::panic::catch_unwind(run);
        assert!(result.is_ok(), "seed {seed}");
    }
}

#[test]
fn a_queue_has_at_most_120_000_messages_in_flight() {
    let now = Instant::now();
    for fifo in [false, true] {
        let mut queue = queue(fifo);
        let receive = |queue: &mut Queue| queue.receive(&want(10), None, now);
        for id in 0..=IN_FLIGHT {
            let group = id.to_string().into();
            queue.send(message(id, fifo.then_some(&group), now), None, now);
        }
        for _ in 0..IN_FLIGHT / 10 {
            assert_eq!(receive(&mut queue).unwrap().deliveries.len(), 10);
        }
        match receive(&mut queue) {
            Ok(taken) => assert!(fifo && taken.deliveries.is_empty()),
            Err(refusal) => assert!(!fifo && refusal.code == Code::OverLimit),
        }
        queue.wake_up(now + Duration::from_secs(VISIBILITY));
        assert_eq!(queue.depth().visible, IN_FLIGHT + 1);
    }
}
