use opentelemetry::Context;

use crate::kafka::source::place::{Place, Ticket};

/// What was finished between two commits: the first of it, and how much in all.
#[derive(Debug, Default)]
pub(in crate::kafka::source) struct Finished {
    pub(in crate::kafka::source) first: Vec<(Place, i64, Context)>,
    pub(in crate::kafka::source) count: usize,
}

impl Finished {
    /// As many links as the SDK keeps of a span by default (`OTEL_SPAN_LINK_COUNT_LIMIT`).
    const MOST: usize = 128;

    /// With what was finished before it, and could not be committed.
    pub(super) fn after(&mut self, mut earlier: Self) {
        earlier.first.append(&mut self.first);
        earlier.first.truncate(Self::MOST);
        self.first = earlier.first;
        self.count += earlier.count;
    }

    pub(super) fn note(&mut self, ticket: &Ticket) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            let place = ticket.assignment.place;
            let context = ticket.context.clone().unwrap_or_default();
            self.first.push((place, ticket.record.offset, context));
        }
    }
}
