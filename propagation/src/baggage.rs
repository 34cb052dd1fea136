mod dropped;
mod member;
mod writer;

use std::borrow::Cow;

use opentelemetry::{
    Context,
    baggage::{Baggage, BaggageExt},
    propagation::{Extractor, Injector},
};

use crate::{Extraction, Format, format::impl_text_map_propagator};
pub use dropped::BaggageDropped;
use member::Members;

const FIELD: &str = "baggage";

/// The least that every platform must carry (W3C Baggage, "Limits"), and our most.
const MAX_MEMBERS: usize = 64;
const MAX_BYTES: usize = 8192;

/// W3C Baggage: `baggage`.
///
/// The header is kept in the [`Context`] beside the API's [`Baggage`], which has no order. Members
/// that nobody changed are written from it, in its order, with their properties and byte for byte;
/// changed and new ones follow, sorted by key. Values are percent-encoded both ways, and `+` is a
/// plus sign.
///
/// At most 64 members and 8192 encoded bytes are read or written: the valid members that fit are
/// kept in order, the others are dropped and counted. In one header the last of several members
/// with the same key counts. Properties are the API's metadata, in their encoded form.
#[derive(Clone, Copy, Debug, Default)]
pub struct W3cBaggage;

impl W3cBaggage {
    pub(crate) const NAME: &'static str = "baggage";

    /// `cx` for a message that is passed on, as a relay does: the header is then written exactly
    /// as it was received, over-long or partly broken too, if nobody edited the baggage since.
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

    fn inject(&self, cx: &Context, injector: &mut dyn Injector, dropped: &mut BaggageDropped) {
        if cx.get::<Forwarded>().is_some()
            && let Some(header) = ReceivedBaggage::unedited(cx)
        {
            injector.set(FIELD, header.to_owned());
            return;
        }
        let baggage = cx.baggage();
        if baggage.is_empty() {
            return;
        }
        let header = writer::write(baggage, cx.get::<ReceivedBaggage>(), dropped);
        if !header.is_empty() {
            injector.set(FIELD, header);
        }
    }

    fn extract(&self, carrier: &dyn Extractor, found: &mut Extraction) {
        let header: Cow<'_, str> = match carrier.get_all(FIELD).as_deref() {
            None | Some([]) => return,
            Some([one]) => (*one).into(),
            // W3C Baggage, "Limits": several headers are one list, and share them.
            Some(several) => several.join(",").into(),
        };
        let mut members = Members::new(&header);
        let baggage = collect(&mut members);
        let dropped = members.dropped();
        if baggage.is_empty() && dropped.total() > 0 {
            found.malformed(Self::NAME);
        }
        found.baggage_dropped(dropped);
        found.baggage(baggage);
        if !header.trim().is_empty() {
            found.received_baggage(ReceivedBaggage(header.into()));
        }
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
        let said = collect(&mut Members::new(header));
        let baggage = cx.baggage();
        let same = said.len() == baggage.len()
            && said
                .iter()
                .all(|(key, said)| baggage.get_with_metadata(key) == Some(said));
        same.then_some(header)
    }
}

fn collect(members: &mut Members<'_>) -> Baggage {
    let mut baggage = Baggage::new();
    for member in members {
        let (key, value) = (member.key.to_owned(), member.value().into_owned());
        baggage.insert_with_metadata(key, value, member.properties);
    }
    baggage
}
