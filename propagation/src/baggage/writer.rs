use opentelemetry::{
    Key, StringValue,
    baggage::{Baggage, BaggageMetadata},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    BaggageDropped, ReceivedBaggage,
    member::{Member, Members, Room},
};

/// What a value must not contain (W3C Baggage, "value"), and `+` and `=`, which some
/// readers take for a space and for the end of the value.
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
        text: String::new(),
        room: Room::default(),
    };
    let mut written = Vec::new();
    if let Some(received) = received {
        header.text.reserve(received.0.len());
        for member in Members::new(&received.0).filter(|member| is_unchanged(member, baggage)) {
            header.push(member.text, dropped);
            written.push(member.key);
        }
    }
    let mut rest: Vec<_> = baggage
        .iter()
        .filter(|(key, _)| !written.contains(&key.as_str()))
        .collect();
    rest.sort_unstable_by_key(|(key, _)| key.as_str());
    for (key, (value, metadata)) in rest {
        header.push(&encode(key, value, metadata), dropped);
    }
    header.text
}

struct Header {
    text: String,
    room: Room,
}

impl Header {
    fn push(&mut self, member: &str, dropped: &mut BaggageDropped) {
        if self.room.take(member.len(), dropped) {
            if !self.text.is_empty() {
                self.text.push(',');
            }
            self.text.push_str(member);
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

/// Keys are tokens: the API takes no others.
fn encode(key: &Key, value: &StringValue, metadata: &BaggageMetadata) -> String {
    let mut member = String::with_capacity(key.as_str().len() + 1 + value.as_str().len());
    member.push_str(key.as_str());
    member.push('=');
    member.extend(utf8_percent_encode(value.as_str(), VALUE));
    for property in metadata
        .as_str()
        .split(';')
        .map(str::trim)
        .filter(|property| !property.is_empty())
    {
        member.push(';');
        member.extend(utf8_percent_encode(property, PROPERTY));
    }
    member
}
