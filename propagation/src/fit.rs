use crate::LINEAGE;

/// A field that a carrier is to write as a header of its broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

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
    /// Its name (the value of the attribute `tracehop.field`).
    pub field: String,
    /// Why.
    pub reason: DropReason,
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

/// The order in which fields are kept when there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Traceparent,
    OtherFormat,
    Tracestate,
    Baggage,
    Lineage,
}

/// Keeps as much as fits, for carriers of brokers with limits. Left out are, in this order: lineage
/// headers ([`LINEAGE`]), baggage members from the end, all baggage, tracestate, other formats,
/// `traceparent`.
///
/// Within a rank the order is that of `fields`. From the first field that finds no room on, nothing
/// is kept, so a message never has tracestate but no `traceparent`; baggage alone is kept in part.
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
        let bytes = fields.iter().map(|field| field.bytes(self.overhead)).sum();
        let slots = self
            .slots
            .checked_sub(fields.len())
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

impl Field {
    /// What it costs in bytes, where a header costs `overhead` besides its name and value.
    pub fn bytes(&self, overhead: usize) -> usize {
        self.name.len() + overhead + self.value.len()
    }

    /// Whether this is a field of trace context, neither baggage nor lineage.
    pub fn is_trace_context(&self) -> bool {
        self.rank() < Rank::Baggage
    }

    fn rank(&self) -> Rank {
        match self.name.as_str() {
            "traceparent" => Rank::Traceparent,
            "tracestate" => Rank::Tracestate,
            "baggage" => Rank::Baggage,
            name if LINEAGE.contains(&name) => Rank::Lineage,
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

    /// Drops baggage members from the end until the field fits; false if not even the first one
    /// does.
    fn shorten(&mut self, room: Room) -> bool {
        while self.bytes(room.overhead) > room.bytes {
            let Some(comma) = self.value.rfind(',') else {
                return false;
            };
            self.value.truncate(comma);
        }
        true
    }
}
