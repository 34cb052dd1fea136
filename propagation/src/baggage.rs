mod dropped;
mod intake;
mod member;
mod policy;
mod writer;

use opentelemetry::{Context, baggage::BaggageExt};

use crate::{Carrier, Extraction, Format, Injection, format::impl_text_map_propagator};
pub use dropped::BaggageDropped;
pub(crate) use intake::Intake;
pub(crate) use member::is_token;
pub use policy::BaggagePolicy;
pub(crate) use policy::LIMITS_ALONE;

pub(crate) const FIELD: &str = "baggage";

/// The least that every platform must carry (W3C Baggage, "Limits"), and our most.
const MAX_MEMBERS: usize = 64;
const MAX_BYTES: usize = 8192;

/// Whose members begin with this, goes only with the trace that they name.
const SENTRY: &str = "sentry-";

/// W3C Baggage: `baggage`.
///
/// The header is kept in the [`Context`] beside the API's [`Baggage`](opentelemetry::baggage::Baggage),
/// which has no order. Members that nobody changed are written from it, in its order, with their
/// properties and byte for byte; changed and new ones follow, sorted by key. Values are
/// percent-encoded both ways, and `+` is a plus sign.
///
/// At most 64 members and 8192 encoded bytes are read or written: the valid members that fit are
/// kept in order, the others are dropped and counted. In one header the last of several members
/// with the same key counts. Properties are the API's metadata, in their encoded form. Members
/// `sentry-*` are written only where the current span belongs to the trace that they name.
#[derive(Clone, Copy, Debug, Default)]
pub struct W3cBaggage;

impl W3cBaggage {
    pub(crate) const NAME: &'static str = "baggage";

    /// `cx` for a message that is passed on, as a relay does: the header is then written exactly
    /// as it was received, over-long or partly broken too, if nobody edited the baggage since, and
    /// no policy of the sender's is about it.
    #[must_use]
    pub fn forwarded(cx: &Context) -> Context {
        cx.with_value(Forwarded)
    }
}

impl Format for W3cBaggage {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn fields(&self) -> &[&'static str] {
        &[FIELD]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        out.baggage_header();
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        found.baggage_header(Self::NAME, carrier);
    }
}

impl_text_map_propagator!(W3cBaggage);

/// Stands in the context of a message that is passed on.
#[derive(Clone, Copy, Debug)]
struct Forwarded;

/// The `baggage` header as it was received, kept in the [`Context`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedBaggage(Box<str>);

impl ReceivedBaggage {
    /// The header kept in `cx`, whether or not the baggage was edited since.
    pub fn of(cx: &Context) -> Option<&str> {
        cx.get::<Self>().map(|header| &*header.0)
    }

    /// The header kept in `cx`, if the baggage in `cx` is still what it says.
    pub fn unedited(cx: &Context) -> Option<&str> {
        let header = Self::of(cx)?;
        let said = intake::said(header);
        let baggage = cx.baggage();
        let same = said.len() == baggage.len()
            && said.iter().all(|(key, (value, metadata))| {
                baggage.get_with_metadata(key).is_some_and(|held| {
                    member::is_same(held.0.as_str(), value.as_str())
                        && member::is_same(held.1.as_str(), metadata.as_str())
                })
            });
        same.then_some(header)
    }
}

/// The header to write as it was received; see [`W3cBaggage::forwarded`].
pub(crate) fn forwarded<'a>(cx: &'a Context, policy: &BaggagePolicy) -> Option<&'a str> {
    let is_on = cx.get::<Forwarded>().is_some() && *policy == LIMITS_ALONE;
    let header = is_on.then(|| ReceivedBaggage::unedited(cx)).flatten()?;
    let is_free = !header.contains(SENTRY) || writer::names_trace(cx);
    is_free.then_some(header)
}

/// How much of the `baggage` header a format is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Nothing,
    /// The members `sentry-*`.
    Sentry,
    All,
}

/// The baggage of one injection: written once, whichever formats ask for it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    header: String,
}

impl Outgoing {
    pub(crate) fn new(cx: &Context, policy: &BaggagePolicy, dropped: &mut BaggageDropped) -> Self {
        Self {
            header: writer::write(cx, policy, dropped),
        }
    }

    /// The keys and values, in the order of the header.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, std::borrow::Cow<'_, str>)> {
        member::Members::new(&self.header).map(|member| (member.key, member.value()))
    }

    /// The header, as far as that scope has it.
    pub(crate) fn into_header(self, scope: Scope) -> String {
        match scope {
            Scope::Nothing => String::new(),
            Scope::All => self.header,
            Scope::Sentry => {
                let members = member::Members::new(&self.header);
                let sentrys: Vec<_> = members
                    .filter(|member| member.key.starts_with(SENTRY))
                    .map(|member| member.text)
                    .collect();
                sentrys.join(",")
            }
        }
    }
}
