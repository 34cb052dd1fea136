use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

/// The unsettled deliveries of one channel, by their tags, and how settlements of them go out.
///
/// RabbitMQ numbers deliveries from 1 on each channel. `basic.ack` with `multiple` on tag n acks
/// every unsettled delivery up to n, so it goes out only where all of those are to be acked. A
/// channel's frames may overtake each other on their way out of the client, and an ack of a tag
/// that is settled already closes the channel (RabbitMQ, "unknown delivery tag"): so settlements go
/// out in rounds, whose commands do not touch each other, and a round waits for the one before.
#[derive(Debug)]
pub(super) struct Ladder<T> {
    gathering: Gathering,
    /// What stood below the first rung and is to be acked, as one.
    foot: Vec<T>,
    /// The tag of the first rung.
    first: u64,
    rungs: VecDeque<Rung<T>>,
    /// What is to go out, with when that was recorded, in that order.
    recorded: VecDeque<(Instant, u64)>,
    /// How many deliveries the round settles that is on its way.
    flying: usize,
}

/// What settlements wait for on their way out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    /// For company, and no longer than this.
    pub(super) linger: Duration,
    /// So many that go out as one ack are enough.
    pub(super) many: usize,
    /// Where so many wait, those behind an unsettled delivery go out one by one, which costs the
    /// broker more than anything: it shall not run out of deliveries that it may send.
    pub(super) most: usize,
}

#[derive(Debug)]
struct Rung<T> {
    item: Option<T>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Unsettled: buffered, in hand or held back.
    Held,
    /// To go out.
    Recorded(How),
    /// On its way out, or gone.
    Out,
}

/// What becomes of a delivery at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Ack,
    Requeue,
    Reject,
}

/// One frame to the broker.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<T> {
    pub(super) how: How,
    /// The deliveries that it settles; it goes out on the last one's tag.
    pub(super) items: Vec<T>,
}

impl<T> Ladder<T> {
    pub(super) fn new(gathering: Gathering) -> Self {
        Self {
            gathering,
            foot: Vec::new(),
            first: 1,
            rungs: VecDeque::new(),
            recorded: VecDeque::new(),
            flying: 0,
        }
    }

    /// A delivery has come. Tags rise; where one is left out, it is settled already.
    pub(super) fn push(&mut self, tag: u64, item: T) {
        if self.rungs.is_empty() {
            self.first = tag;
        }
        while self.next_tag() < tag {
            let gone = Rung {
                item: None,
                stage: Stage::Out,
            };
            self.rungs.push_back(gone);
        }
        self.rungs.push_back(Rung {
            item: Some(item),
            stage: Stage::Held,
        });
    }

    /// The delivery of that tag, where it is unsettled.
    pub(super) fn held(&mut self, tag: u64) -> Option<&mut T> {
        let rung = self.rung(tag)?;
        match rung.stage {
            Stage::Held => rung.item.as_mut(),
            Stage::Recorded(_) | Stage::Out => None,
        }
    }

    /// Records what becomes of a delivery; says whether it was unsettled.
    pub(super) fn record(&mut self, tag: u64, how: How, now: Instant) -> bool {
        let unsettled = self.rung(tag).filter(|rung| rung.stage == Stage::Held);
        let Some(rung) = unsettled else {
            return false;
        };
        rung.stage = Stage::Recorded(how);
        self.recorded.push_back((now, tag));
        self.climb();
        true
    }

    /// Whether what waits is enough to go out, and nothing is on its way.
    pub(super) fn hurries(&self) -> bool {
        let Gathering { many, most, .. } = self.gathering;
        self.flying == 0 && (self.foot.len() >= many || self.recorded.len() >= most)
    }

    /// What goes out now, if anything: none while a round is on its way. With `flush`, nothing
    /// waits for company.
    pub(super) fn round(&mut self, now: Instant, flush: bool) -> Vec<Command<T>> {
        let due = self.due().is_some_and(|due| due <= now);
        if self.flying > 0 || !(flush || due || self.hurries()) {
            return Vec::new();
        }
        let apart = self.recorded.len() - self.foot.len();
        let flush = flush || apart >= self.gathering.most;
        let mut commands: Vec<_> = self.take_foot().into_iter().collect();
        self.recorded.retain(|(since, tag)| {
            let index = tag.checked_sub(self.first);
            let rung = index.and_then(|index| self.rungs.get_mut(usize::try_from(index).ok()?));
            // Acked with those before it.
            let Some(rung) = rung else { return false };
            let Stage::Recorded(how) = rung.stage else {
                return false;
            };
            // Those before it may still come to be acked with it.
            if how == How::Ack && !flush && *since + self.gathering.linger > now {
                return true;
            }
            rung.stage = Stage::Out;
            commands.push(Command {
                how,
                items: rung.item.take().into_iter().collect(),
            });
            false
        });
        self.climb();
        self.flying = commands.iter().map(|command| command.items.len()).sum();
        commands
    }

    /// The round that was on its way is at the broker.
    pub(super) fn landed(&mut self) {
        self.flying = 0;
    }

    /// When the next round goes out, once the one before has landed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.recorded
            .front()
            .map(|(since, _)| *since + self.gathering.linger)
    }

    /// How many deliveries the round settles that is on its way.
    pub(super) fn flying(&self) -> usize {
        self.flying
    }

    /// How many settlements wait to go out.
    pub(super) fn recorded(&self) -> usize {
        self.recorded.len()
    }

    /// The tag that comes next.
    pub(super) fn next_tag(&self) -> u64 {
        self.first + self.rungs.len() as u64
    }

    /// Every delivery that is not at the broker as settled.
    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        let rungs = self.rungs.iter().filter_map(|rung| rung.item.as_ref());
        self.foot.iter().chain(rungs)
    }

    /// The longest unsettled delivery.
    pub(super) fn oldest(&self) -> Option<&T> {
        let held = |rung: &&Rung<T>| rung.stage == Stage::Held;
        self.rungs.iter().find(held)?.item.as_ref()
    }

    /// The tags of the unsettled deliveries up to the first that `goes_on` holds for.
    pub(super) fn held_until(&self, goes_on: impl Fn(&T) -> bool) -> Vec<u64> {
        let rungs = (self.first..).zip(&self.rungs);
        rungs
            .filter(|(_, rung)| rung.stage == Stage::Held)
            .take_while(|(_, rung)| rung.item.as_ref().is_some_and(|item| !goes_on(item)))
            .map(|(tag, _)| tag)
            .collect()
    }

    /// Takes off the lowest rungs, as far as they are to be acked or gone.
    fn climb(&mut self) {
        while let Some(rung) = self.rungs.front_mut() {
            match rung.stage {
                Stage::Recorded(How::Ack) => self.foot.extend(rung.item.take()),
                Stage::Out => {}
                Stage::Held | Stage::Recorded(_) => break,
            }
            self.rungs.pop_front();
            self.first += 1;
        }
    }

    fn take_foot(&mut self) -> Option<Command<T>> {
        let items = std::mem::take(&mut self.foot);
        (!items.is_empty()).then_some(Command {
            how: How::Ack,
            items,
        })
    }

    fn rung(&mut self, tag: u64) -> Option<&mut Rung<T>> {
        let index = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.rungs.get_mut(index)
    }
}

#[cfg(test)]
mod tests;
