use std::slice::from_ref;

use crate::field::{Field, Rank};

/// What is free on one message.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// How many more headers it may have.
    pub slots: usize,
    /// How many bytes they may have.
    pub bytes: usize,
    /// What a header costs besides its name and value, in bytes.
    pub overhead: usize,
}

/// What goes onto the message and what does not.
#[derive(Debug, Default)]
pub struct Fitted {
    /// The fields that fit, the most important first.
    pub kept: Vec<Field>,
    /// The fields that do not.
    pub dropped: Vec<Dropped>,
    /// Baggage members that found no room, those of a `baggage` in `dropped` included.
    pub baggage_members_dropped: usize,
}

/// A field that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its name (the value of the attribute `tracehop.field`); `uberctx-*` and `ot-baggage-*` for
    /// those that have the key of a baggage member in theirs.
    pub field: String,
    /// Why.
    pub reason: DropReason,
}

impl Dropped {
    /// That a field of this name was left out.
    pub fn new(name: &str, reason: DropReason) -> Self {
        Self {
            field: label(name).to_owned(),
            reason,
        }
    }
}

/// What a field is called where it is counted: not by the key of a baggage member.
fn label(name: &str) -> &str {
    ["uberctx-*", "ot-baggage-*"]
        .into_iter()
        .find(|label| name.starts_with(label.trim_end_matches('*')))
        .unwrap_or(name)
}

/// Why a field was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// All headers that the broker allows are taken.
    Slots,
    /// The message would have grown above its limit.
    Bytes,
    /// No header of the broker can have such a name, or such a character in its value.
    Invalid,
    /// The message can carry no headers (SNS: to a phone number, or with a structure of JSON).
    Unsupported,
}

impl DropReason {
    /// The value of the attribute `tracehop.reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slots => "slots",
            Self::Bytes => "bytes",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Keeps as much as fits, for carriers of brokers with limits. Left out are, in this order: lineage
/// headers ([`LINEAGE`](crate::LINEAGE)), baggage in the fields of other formats, members of W3C's
/// `baggage` from the end, all of it, tracestate, other formats, `traceparent`.
///
/// Within a rank the order is that of `fields`. From the first field that finds no room on, nothing
/// is kept, so a message never has tracestate but no `traceparent`; baggage alone is kept in part,
/// and what needs no slot where slots are short.
pub fn fit(mut fields: Vec<Field>, mut room: Room) -> Fitted {
    fields.sort_by_key(Field::rank);
    let mut kept = 0;
    let mut full = None;
    for format in fields.chunk_by(Field::is_of_one_format) {
        if let Err(reason) = room.take(format) {
            full = Some(reason);
            break;
        }
        kept += format.len();
    }
    let Some(reason) = full else {
        return Fitted {
            kept: fields,
            ..Fitted::default()
        };
    };

    let mut rest = fields.split_off(kept);
    let mut kept = fields;
    let baggage = rest.iter().filter(|field| field.rank() == Rank::Baggage);
    let mut baggage_members_dropped = baggage.map(Field::members).sum();
    if reason == DropReason::Bytes && rest[0].rank() == Rank::Baggage && rest[0].shorten(room) {
        baggage_members_dropped -= rest[0].members();
        kept.push(rest.remove(0));
    }
    if reason == DropReason::Slots {
        let completes = |field: &Field| kept.iter().any(|known| known.name == field.name);
        let fits = |field: &mut Field| completes(field) && room.take(from_ref(field)).is_ok();
        let whole: Vec<_> = rest.extract_if(.., fits).collect();
        kept.extend(whole);
    }
    let dropped = rest.iter().map(|field| field.dropped(reason)).collect();
    Fitted {
        kept,
        dropped,
        baggage_members_dropped,
    }
}

impl Room {
    fn take(&mut self, fields: &[Field]) -> Result<(), DropReason> {
        let bytes = fields.iter().map(|field| field.bytes(self.overhead)).sum();
        let slots = self
            .slots
            .checked_sub(fields.iter().map(Field::slots).sum())
            .ok_or(DropReason::Slots)?;
        let bytes = self.bytes.checked_sub(bytes).ok_or(DropReason::Bytes)?;
        *self = Self {
            slots,
            bytes,
            ..*self
        };
        Ok(())
    }
}
