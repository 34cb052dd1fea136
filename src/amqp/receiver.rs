use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use lapin::message::{BasicGetMessage, Delivery};
use lapin::types::ShortString;
use opentelemetry::Context;
use tracehop_amqp::HeaderExtractor;

use super::delivery::{TracedDelivery, TracedGetMessage};
use super::destination::{self, Destinations};
use super::error::operation_error;
use super::facts::facts;
use super::settle::Unsettled;
use crate::contract::{Destination, Server};
use crate::telemetry::{Instrumentation, MessageLink, Outcome, Puller, Receive, Started};

/// The queues that one channel takes messages from.
#[derive(Debug)]
pub(super) struct Receivers {
    instrumentation: Instrumentation,
    server: Option<Server>,
    unsettled: Arc<Unsettled>,
    known: RwLock<HashMap<ShortString, Arc<Receiver>>>,
}

impl Receivers {
    /// Beyond this many, all are forgotten and met anew.
    const MOST: usize = 4096;

    pub(super) fn new(instrumentation: Instrumentation, server: Option<Server>) -> Self {
        Self {
            unsettled: Arc::new(Unsettled::new(instrumentation.clone(), server.clone())),
            instrumentation,
            server,
            known: RwLock::default(),
        }
    }

    pub(super) fn unsettled(&self) -> &Unsettled {
        &self.unsettled
    }

    pub(super) fn of(&self, queue: &ShortString) -> Arc<Receiver> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = known.get(queue) {
            return Arc::clone(receiver);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        let receiver = known.entry(queue.clone());
        Arc::clone(receiver.or_insert_with(|| {
            Arc::new(Receiver {
                instrumentation: self.instrumentation.clone(),
                queue: Arc::new(Destination {
                    server: self.server.clone(),
                    ..destination::consumer("", queue.as_str(), queue.as_str())
                }),
                destinations: Destinations::consumed(queue.clone(), self.server.clone()),
                unsettled: Arc::clone(&self.unsettled),
            })
        }))
    }
}

/// Hands over what comes from one queue.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) instrumentation: Instrumentation,
    /// The queue alone: what a get is about that brings nothing.
    pub(super) queue: Arc<Destination>,
    destinations: Destinations,
    pub(super) unsettled: Arc<Unsettled>,
}

impl Receiver {
    /// Hands over a message that the broker pushed.
    pub(super) fn pushed(self: &Arc<Self>, delivery: Delivery, no_ack: bool) -> TracedDelivery {
        let started = Started::now();
        self.hand_over(
            delivery,
            no_ack,
            Puller::Source,
            &Context::current(),
            started,
        )
    }

    /// Begins a pull.
    pub(super) fn getting(self: &Arc<Self>) -> Getting {
        Getting {
            receiver: Arc::clone(self),
            parent: Context::current(),
            started: Started::now(),
        }
    }

    fn hand_over(
        self: &Arc<Self>,
        delivery: Delivery,
        no_ack: bool,
        puller: Puller,
        parent: &Context,
        started: Started,
    ) -> TracedDelivery {
        let destination = self
            .destinations
            .get(&delivery.exchange, &delivery.routing_key);
        let mut creation = OnceLock::new();
        if self.instrumentation.records() && !parent.is_telemetry_suppressed() {
            let carrier = HeaderExtractor::from(&delivery.properties);
            let extracted = self.instrumentation.extract(&destination, &carrier);
            let message = MessageLink {
                creation: &extracted,
                facts: facts(&delivery, &carrier),
            };
            let receive = Receive {
                destination: &destination,
                puller,
                parent,
                started,
                messages: &[message],
                batch: false,
            };
            self.instrumentation.received(&receive, &Outcome::success());
            if !no_ack {
                self.unsettled.insert(&delivery, &extracted, &destination);
            }
            creation = OnceLock::from(extracted);
        }
        TracedDelivery::new(delivery, destination, creation, Arc::clone(self))
    }
}

/// A pull under way. Dropped, it leaves no span: no message has come.
#[derive(Debug)]
pub(super) struct Getting {
    receiver: Arc<Receiver>,
    parent: Context,
    started: Started,
}

impl Getting {
    pub(super) fn end(
        self,
        answer: lapin::Result<Option<BasicGetMessage>>,
        no_ack: bool,
    ) -> lapin::Result<Option<TracedGetMessage>> {
        let outcome = match &answer {
            Ok(Some(_)) => None,
            Ok(None) => Some(Outcome::success()),
            Err(error) => Some(Outcome::failure(operation_error(error))),
        };
        if let Some(outcome) = outcome {
            self.receiver.instrumentation.received(
                &Receive {
                    destination: &self.receiver.queue,
                    puller: Puller::Client,
                    parent: &self.parent,
                    started: self.started,
                    messages: &[],
                    batch: false,
                },
                &outcome,
            );
        }
        let Self {
            receiver,
            parent,
            started,
        } = self;
        Ok(answer?.map(|got| {
            let BasicGetMessage {
                delivery,
                message_count,
            } = got;
            let puller = Puller::Client;
            let delivery = receiver.hand_over(delivery, no_ack, puller, &parent, started);
            TracedGetMessage {
                delivery,
                message_count,
            }
        }))
    }
}
