use tracehop_propagation::LINEAGE;

use crate::{DropReason, Dropped};

/// What each attribute costs besides its name and value: the data type, `String`.
const TYPE_BYTES: usize = "String".len();

/// A field to write, as a message attribute.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What is free on one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) slots: usize,
    pub(crate) bytes: usize,
}

/// What goes onto the message and what does not.
#[derive(Debug, Default)]
pub(crate) struct Fitted {
    pub(crate) kept: Vec<Field>,
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) baggage_members_dropped: usize,
}

/// The order in which fields are kept when there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Traceparent,
    OtherFormat,
    Tracestate,
    Baggage,
    Lineage,
}

/// Keeps as much as fits, by [`Rank`] and within a rank in the order of `fields`. From the first
/// field that finds no room on, nothing is kept, so a message never has tracestate but no
/// `traceparent`; baggage alone is kept in part.
pub(crate) fn fit(mut fields: Vec<Field>, mut room: Room) -> Fitted {
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
    if reason == DropReason::Bytes && rest[0].rank() == Rank::Baggage && rest[0].shorten(room.bytes)
    {
        baggage_members_dropped -= rest[0].members();
        kept.push(rest.remove(0));
    }
    let dropped = rest
        .into_iter()
        .map(|field| Dropped {
            field: field.name,
            reason,
        })
        .collect();
    Fitted {
        kept,
        dropped,
        baggage_members_dropped,
    }
}

impl Room {
    fn take(&mut self, fields: &[Field]) -> Result<(), DropReason> {
        let bytes: usize = fields.iter().map(Field::bytes).sum();
        let slots = self
            .slots
            .checked_sub(fields.len())
            .ok_or(DropReason::Slots)?;
        let bytes = self.bytes.checked_sub(bytes).ok_or(DropReason::Bytes)?;
        *self = Self { slots, bytes };
        Ok(())
    }
}

impl Field {
    pub(crate) fn bytes(&self) -> usize {
        self.name.len() + TYPE_BYTES + self.value.len()
    }

    /// Whether this is a field of trace context, neither baggage nor lineage.
    pub(crate) fn is_trace_context(&self) -> bool {
        self.rank() < Rank::Baggage
    }

    fn rank(&self) -> Rank {
        match self.name.as_str() {
            "traceparent" => Rank::Traceparent,
            "tracestate" => Rank::Tracestate,
            "baggage" => Rank::Baggage,
            name if is_lineage(name) => Rank::Lineage,
            _ => Rank::OtherFormat,
        }
    }

    /// Half a format (`x-b3-traceid` without `x-b3-spanid`) is worth nothing, so fields with the
    /// same vendor (`x-b3-`) go together.
    fn is_of_one_format(&self, other: &Self) -> bool {
        let vendor = self.vendor();
        self.rank() == Rank::OtherFormat && vendor.is_some() && vendor == other.vendor()
    }

    fn vendor(&self) -> Option<&str> {
        Some(self.name.strip_prefix("x-")?.split_once('-')?.0)
    }

    /// Baggage members; a comma in a value is always percent-encoded.
    fn members(&self) -> usize {
        self.value.split(',').count()
    }

    /// Drops baggage members from the end until the field fits into `bytes`; false if not even the
    /// first one does.
    fn shorten(&mut self, bytes: usize) -> bool {
        while self.bytes() > bytes {
            let Some(comma) = self.value.rfind(',') else {
                return false;
            };
            self.value.truncate(comma);
        }
        true
    }
}

pub(crate) fn is_lineage(name: &str) -> bool {
    LINEAGE.contains(&name)
}
