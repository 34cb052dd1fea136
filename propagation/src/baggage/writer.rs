use opentelemetry::{
    StringValue,
    baggage::{Baggage, BaggageMetadata},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    BaggageDropped, ReceivedBaggage,
    member::{Member, Members, Room},
};

/// What a value must not contain (W3C Baggage, "value"), and `+` and `=`, which some readers take
/// for a space and for the end of the value.
const VALUE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b',')
    .add(b';')
    .add(b'\\')
    .add(b'%')
    .add(b'+')
    .add(b'=');

/// Metadata is encoded properties already; this only keeps it from becoming more than one property.
const PROPERTY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b'\\');

/// Writes the members of `baggage`: first those that `received` still says, in its words and its
/// order, then the others by key.
pub(super) fn write(
    baggage: &Baggage,
    received: Option<&ReceivedBaggage>,
    dropped: &mut BaggageDropped,
) -> String {
    let mut header = Header {
        text: String::with_capacity(64),
        room: Room::default(),
        dropped,
    };
    let mut written = Vec::new();
    if let Some(received) = received {
        header.text.reserve(received.0.len());
        written.reserve(baggage.len());
        for member in Members::new(&received.0).filter(|member| is_unchanged(member, baggage)) {
            header.push(|text| text.push_str(member.text));
            written.push(member.key);
        }
    }
    let mut rest: Vec<_> = baggage
        .iter()
        .filter(|(key, _)| !written.contains(&key.as_str()))
        .collect();
    rest.sort_unstable_by_key(|(key, _)| key.as_str());
    for (key, (value, metadata)) in rest {
        // Keys are tokens: the API takes no others.
        header.push(|text| encode(text, key.as_str(), value, metadata));
    }
    header.text
}

struct Header<'a> {
    text: String,
    room: Room,
    dropped: &'a mut BaggageDropped,
}

impl Header<'_> {
    /// Appends one member, and takes it back if it is over the limits.
    fn push(&mut self, write: impl FnOnce(&mut String)) {
        let before = self.text.len();
        if before > 0 {
            self.text.push(',');
        }
        let start = self.text.len();
        write(&mut self.text);
        if !self.room.take(self.text.len() - start, self.dropped) {
            self.text.truncate(before);
        }
    }
}

fn is_unchanged(member: &Member<'_>, baggage: &Baggage) -> bool {
    baggage
        .get_with_metadata(member.key)
        .is_some_and(|(value, metadata)| {
            member.properties == metadata.as_str() && member.value() == value.as_str()
        })
}

fn encode(text: &mut String, key: &str, value: &StringValue, metadata: &BaggageMetadata) {
    text.push_str(key);
    text.push('=');
    text.extend(utf8_percent_encode(value.as_str(), VALUE));
    if metadata.as_str().is_empty() {
        return;
    }
    for property in metadata
        .as_str()
        .split(';')
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        text.push(';');
        text.extend(utf8_percent_encode(property, PROPERTY));
    }
}
