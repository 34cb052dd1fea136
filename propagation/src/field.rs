use crate::{DropReason, Dropped, LINEAGE, Room, is_baggage_field};

/// A field that a carrier is to write as a header of its broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    part: Part,
}

/// Which part of a field this is: `_datadog` holds baggage and other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// What its name says.
    All,
    /// Baggage, and nothing else.
    Baggage,
    /// All of it, in the place of the field without baggage, whose value has so many bytes.
    Completing(usize),
}

/// The order in which fields are kept when there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Traceparent,
    OtherFormat,
    Tracestate,
    Baggage,
    OtherBaggage,
    Lineage,
}

impl Field {
    /// A field of that name and value.
    pub fn new(name: &str, value: String) -> Self {
        Self {
            name: name.to_owned(),
            value,
            part: Part::All,
        }
    }

    /// A field that holds other things and, in this value, baggage too. Where it has a value
    /// without, of `replaced` bytes, that is a field of its own, which this one replaces.
    pub fn with_baggage(name: &str, value: String, replaced: Option<usize>) -> Self {
        Self {
            part: replaced.map_or(Part::Baggage, Part::Completing),
            ..Self::new(name, value)
        }
    }

    /// What it adds in bytes, where a header costs `overhead` besides its name and value.
    pub fn bytes(&self, overhead: usize) -> usize {
        match self.part {
            Part::Completing(replaced) => self.value.len().saturating_sub(replaced),
            Part::All | Part::Baggage => self.name.len() + overhead + self.value.len(),
        }
    }

    /// How many headers it adds.
    pub fn slots(&self) -> usize {
        usize::from(!matches!(self.part, Part::Completing(_)))
    }

    /// Whether this is a field of trace context, neither baggage nor lineage.
    pub fn is_trace_context(&self) -> bool {
        self.rank() < Rank::Baggage
    }

    pub(crate) fn rank(&self) -> Rank {
        match self.name.as_str() {
            _ if self.part != Part::All => Rank::OtherBaggage,
            "traceparent" => Rank::Traceparent,
            "tracestate" => Rank::Tracestate,
            "baggage" => Rank::Baggage,
            name if LINEAGE.contains(&name) => Rank::Lineage,
            name if is_baggage_field(name) => Rank::OtherBaggage,
            _ => Rank::OtherFormat,
        }
    }

    /// Half a format (`x-b3-traceid` without `x-b3-spanid`) is worth nothing, so fields with the
    /// same vendor (`x-b3-`) go together.
    pub(crate) fn is_of_one_format(&self, other: &Self) -> bool {
        let vendor = self.vendor();
        self.rank() == Rank::OtherFormat && vendor.is_some() && vendor == other.vendor()
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> Dropped {
        Dropped::new(
            match self.part {
                Part::All => &self.name,
                Part::Baggage | Part::Completing(_) => "ot-baggage-",
            },
            reason,
        )
    }

    /// Baggage members; a comma in a value is always percent-encoded.
    pub(crate) fn members(&self) -> usize {
        self.value.split(',').count()
    }

    /// Drops baggage members from the end until the field fits; false if not even the first one
    /// does.
    pub(crate) fn shorten(&mut self, room: Room) -> bool {
        while self.bytes(room.overhead) > room.bytes {
            let Some(comma) = self.value.rfind(',') else {
                return false;
            };
            self.value.truncate(comma);
        }
        true
    }

    fn vendor(&self) -> Option<&str> {
        Some(self.name.strip_prefix("x-")?.split_once('-')?.0)
    }
}
