//! How the thread of a source takes and gives partitions.
//!
//! librdkafka waits for the answer to a rebalance as long as the thread polls. So a partition that
//! is to go is first drained, then its position is committed, and only then it is given away.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use tokio::time::Instant;

use super::driver::{Driver, LAST_COMMIT};
use super::fetcher::Fetcher;
use super::place::Place;
use crate::contract::later;

/// Partitions that are to go.
pub(super) struct Revoking {
    partitions: TopicPartitionList,
    places: Vec<Place>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// What is in hand may finish.
    Draining { until: Instant },
    /// The broker is to confirm where the next member begins.
    Committing { until: Instant },
}

impl Driver {
    /// Takes these partitions, with an epoch of their own.
    pub(super) fn assigned(&mut self, partitions: &TopicPartitionList) {
        for element in partitions.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            let Some(fetcher) = Fetcher::new(&self.consumer, topic, partition) else {
                continue;
            };
            let place = self.place(topic, partition);
            self.epoch += 1;
            let assignment = self.shared.reader.assignment(place, self.epoch);
            self.fetchers.insert(place, fetcher);
            self.shared.change(|state| state.assigned(assignment));
        }
        let answered = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(partitions),
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.assign(partitions),
        };
        match answered {
            Ok(()) => {
                self.shared.lock().set_joined(true);
                self.recovered();
            }
            Err(error) => self.troubled(&error, "partitions could not be taken"),
        }
    }

    /// Begins to give these partitions away.
    pub(super) fn revoked(&mut self, partitions: TopicPartitionList, lost: bool) {
        let elements = partitions.elements();
        let places = elements
            .iter()
            .map(|element| self.place(element.topic(), element.partition()))
            .collect::<Vec<_>>();
        drop(elements);
        if lost {
            // Others may have them already: nothing is waited for, and nothing committed.
            self.shared.lock().set_joined(false);
            return self.unassign(&partitions, &places);
        }
        self.shared.change(|state| state.leave(&places));
        self.revoking = Some(Revoking {
            partitions,
            places,
            stage: Stage::Draining {
                until: later(Instant::now(), self.settings.drain),
            },
        });
    }

    /// Gives away what is to go, as far as that has come.
    pub(super) fn rebalance(&mut self) {
        let Some(mut revoking) = self.revoking.take() else {
            return;
        };
        if self.consumer.assignment_lost() {
            self.shared.lock().set_joined(false);
            return self.unassign(&revoking.partitions, &revoking.places);
        }
        let now = Instant::now();
        if let Stage::Draining { until } = revoking.stage {
            let in_hand = self.shared.lock().in_hand(&revoking.places);
            if in_hand == 0 || until <= now {
                // What is not finished by now is not settled any more, so the position is final.
                self.shared.change(|state| state.expire(&revoking.places));
                let until = now + LAST_COMMIT;
                revoking.stage = Stage::Committing { until };
            }
        }
        match revoking.stage {
            Stage::Committing { until } if self.commits_until(Some(&revoking.places), until) => {
                self.unassign(&revoking.partitions, &revoking.places);
            }
            Stage::Draining { .. } | Stage::Committing { .. } => self.revoking = Some(revoking),
        }
    }

    fn unassign(&mut self, partitions: &TopicPartitionList, places: &[Place]) {
        self.shared.change(|state| state.unassigned(places));
        for place in places {
            self.fetchers.remove(place);
        }
        let answered = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_unassign(partitions),
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.unassign(),
        };
        if let Err(error) = answered {
            self.troubled(&error, "partitions could not be given away");
        }
    }

    pub(super) fn place(&self, topic: &str, partition: i32) -> Place {
        Place {
            topic: self.shared.reader.topic(topic),
            partition,
        }
    }
}
