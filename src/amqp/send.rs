use std::sync::Arc;

use lapin::BasicProperties;
use opentelemetry::Context;
use opentelemetry::propagation::Injector as _;
use tracehop_amqp::{Budget, HeaderExtractor, HeaderInjector};

use super::facts::properties_facts;
use crate::contract::Destination;
use crate::telemetry::{Instrumentation, Marked, SendSpan, SendStart, fresh_lineage};

/// What a message goes out with: a span that starts and context that is written as one.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) instrumentation: &'a Instrumentation,
    pub(crate) destination: &'a Arc<Destination>,
    pub(crate) budget: Budget,
    /// What is current where the caller publishes.
    pub(crate) current: &'a Context,
}

impl Sender<'_> {
    /// Starts the span of a publish and puts its context onto the message, unless the user put one
    /// there.
    pub(crate) fn send(&self, properties: &mut BasicProperties, body_size: usize) -> SendSpan {
        let carrier = HeaderExtractor::from(&*properties);
        let marked = if carrier.is_empty() {
            Marked::none()
        } else {
            self.instrumentation
                .marked(self.destination, &carrier, self.current)
        };
        let users = marked.users_link();
        let span = self.instrumentation.send(&SendStart {
            destination: self.destination,
            parent: self.current,
            batch_count: None,
            creation: users.is_none(),
            messages: users.as_slice(),
            facts: properties_facts(properties, body_size, &carrier),
        });
        if !self.current.is_telemetry_suppressed() {
            let carried = marked.carried(self.current, span.context());
            self.inject(&marked, &carried, properties);
        }
        span
    }

    fn inject(&self, marked: &Marked, carried: &Context, properties: &mut BasicProperties) {
        let propagator = self.instrumentation.propagator_for(self.destination);
        let lineage: Vec<_> =
            fresh_lineage(&HeaderExtractor::from(&*properties), self.current).collect();
        let mut injector = HeaderInjector::new(&*propagator, properties, self.budget);
        for (name, value) in lineage {
            injector.set(name, value);
        }
        if marked.is_users() {
            injector = injector.keep_present();
        }
        let baggage_dropped = propagator.inject(carried, &mut injector);
        let injected = injector.finish();
        let dropped = injected.dropped.iter();
        let dropped = dropped.map(|dropped| (dropped.field.as_str(), dropped.reason.as_str()));
        self.instrumentation
            .injected(self.destination, carried, dropped, baggage_dropped);
    }
}
