use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use opentelemetry::trace::SpanContext;

use crate::contract::{Delivery, Destination, Value};
use crate::telemetry::{self, PREVIOUS};

/// The process spans of attempts that failed, so that the next attempt can link to them.
///
/// A header tells of the attempt where the broker's message could be given one. Else it is known
/// from here, within this process: by destination and message id, for the last 10,000 failures.
#[derive(Debug)]
pub(crate) struct Retries(Mutex<LruCache<String, SpanContext>>);

const REMEMBERED: usize = 10_000;

impl Default for Retries {
    fn default() -> Self {
        // Grows as it fills: most workers never see as many failures.
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl Retries {
    /// The span of the attempt before, where it is known. For a first attempt this costs a look at
    /// the headers and no lock.
    pub(crate) fn previous(&self, delivery: &Delivery<()>) -> Option<SpanContext> {
        let header = delivery.message.headers.get(PREVIOUS);
        let told = header.and_then(Value::as_str).and_then(telemetry::previous);
        if delivery.attempt <= 1 {
            return told;
        }
        let id = delivery.message.properties.message_id.as_deref();
        let remembered = id.and_then(|id| {
            let key = key(&delivery.destination, id);
            self.lock().get(&key).cloned()
        });
        remembered.or(told)
    }

    /// Keeps the span of an attempt after which the message comes again.
    pub(crate) fn remember(&self, destination: &Destination, id: Option<&str>, span: SpanContext) {
        if let (Some(id), true) = (id, span.is_valid()) {
            let mut spans = self.lock();
            spans.put(key(destination, id), span);
            if spans.len() > REMEMBERED {
                spans.pop_lru();
            }
        }
    }

    /// Drops what is kept of a message that does not come again.
    pub(crate) fn forget(&self, destination: &Destination, id: Option<&str>) {
        if let Some(id) = id {
            self.lock().pop(&key(destination, id));
        }
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<String, SpanContext>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(destination: &Destination, id: &str) -> String {
    format!("{destination}/{id}")
}
