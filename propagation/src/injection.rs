use opentelemetry::{Context, propagation::Injector};

use crate::{
    BaggageDropped, BaggagePolicy,
    baggage::{FIELD, Outgoing, Scope, forwarded},
};

/// One injection: what the formats of a list write into one carrier.
///
/// Formats share the `baggage` header, so it is written here, once, after all else. The policy and
/// the limits apply to the baggage as a whole, whichever formats carry it.
#[derive(Debug)]
pub struct Injection<'a> {
    cx: &'a Context,
    carrier: Carrier<'a>,
    policy: &'a BaggagePolicy,
    baggage: Option<Outgoing>,
    header: Scope,
    dropped: BaggageDropped,
}

impl<'a> Injection<'a> {
    pub(crate) fn new(
        cx: &'a Context,
        carrier: &'a mut dyn Injector,
        policy: &'a BaggagePolicy,
    ) -> Self {
        Self {
            cx,
            carrier: Carrier(carrier),
            policy,
            baggage: None,
            header: Scope::Nothing,
            dropped: BaggageDropped::default(),
        }
    }

    /// What is to be written.
    pub fn context(&self) -> &'a Context {
        self.cx
    }

    /// Sets a field, unless `value` is empty.
    pub fn set(&mut self, field: &str, value: String) {
        if !value.is_empty() {
            self.carrier.0.set(field, value);
        }
    }

    /// Writes the `baggage` header, with all members.
    pub fn baggage_header(&mut self) {
        self.header = Scope::All;
    }

    /// Writes the `baggage` header, with the members `sentry-*` at least.
    pub(crate) fn sentry_header(&mut self) {
        self.header = self.header.max(Scope::Sentry);
    }

    /// Writes each member into a field of its own, `prefix` and the key, with its value as
    /// `encode` has it; `None`, or nothing, for one that the format has no encoding for, which is
    /// counted.
    pub fn baggage_fields(&mut self, prefix: &str, encode: impl Fn(&str) -> Option<String>) {
        let baggage = self.baggage.take();
        let baggage =
            baggage.unwrap_or_else(|| Outgoing::new(self.cx, self.policy, &mut self.dropped));
        for (key, value) in baggage.members() {
            match encode(&value).filter(|value| !value.is_empty()) {
                Some(value) => self.set(&format!("{prefix}{key}"), value),
                None => self.dropped.unsupported += 1,
            }
        }
        self.baggage = Some(baggage);
    }

    /// Writes the `baggage` header if a format asked for it; answers what was left out.
    pub(crate) fn finish(mut self) -> BaggageDropped {
        if self.header == Scope::All
            && let Some(header) = forwarded(self.cx, self.policy)
        {
            self.set(FIELD, header.to_owned());
        } else if self.header > Scope::Nothing {
            let baggage = self.baggage.take();
            let baggage =
                baggage.unwrap_or_else(|| Outgoing::new(self.cx, self.policy, &mut self.dropped));
            self.set(FIELD, baggage.into_header(self.header));
        }
        self.dropped
    }
}

struct Carrier<'a>(&'a mut dyn Injector);

impl std::fmt::Debug for Carrier<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Carrier")
    }
}
