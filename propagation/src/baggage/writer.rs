use opentelemetry::{
    Context, Key, StringValue,
    baggage::{Baggage, BaggageExt, BaggageMetadata},
    trace::{TraceContextExt, TraceId},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    BaggageDropped, BaggagePolicy, ReceivedBaggage, SENTRY,
    member::{Member, Members, is_same},
    policy::Room,
};
use crate::hex;

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
/// The white space around `=` is no part of one (W3C Baggage, "property").
const PROPERTY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b'\\');

/// Writes the members of the baggage in `cx` that `policy` lets pass: first those that the received
/// header still says, in its words and its order, then the others by key.
pub(super) fn write(cx: &Context, policy: &BaggagePolicy, dropped: &mut BaggageDropped) -> String {
    let baggage = cx.baggage();
    if baggage.is_empty() {
        return String::new();
    }
    let received = ReceivedBaggage::of(cx);
    let mut header = Header {
        text: String::with_capacity(received.map_or(64, |text| text.len().min(super::MAX_BYTES))),
        room: Room::new(policy),
        policy,
        cx,
        dropped,
    };
    let mut written = Vec::new();
    if let Some(received) = received {
        written.reserve(baggage.len());
        let mut unchanged = Members::new(received)
            .filter_map(|member| Some((unchanged(&member, baggage)?, member)));
        // A header may be long after its last member that was kept.
        while written.len() < baggage.len()
            && let Some((value, member)) = unchanged.next()
        {
            // One that is there twice is written once: it may be a field of its own elsewhere.
            if written.contains(&member.key) {
                continue;
            }
            header.push(member.key, value, |text| text.push_str(member.text));
            written.push(member.key);
        }
    }
    let rest = baggage
        .iter()
        .filter(|(key, _)| !written.contains(&key.as_str()));
    if baggage.len() - written.len() > 1 {
        let mut rest: Vec<_> = rest.collect();
        rest.sort_unstable_by_key(|(key, _)| key.as_str());
        for member in rest {
            header.push_new(member);
        }
    } else {
        // Most often there is one, which takes no list to be put in order.
        for member in rest {
            header.push_new(member);
        }
    }
    header.text
}

struct Header<'a> {
    text: String,
    room: Room,
    policy: &'a BaggagePolicy,
    cx: &'a Context,
    dropped: &'a mut BaggageDropped,
}

impl Header<'_> {
    /// Appends a member that was not received, or not as it is now.
    fn push_new(&mut self, (key, (value, metadata)): (&Key, &(StringValue, BaggageMetadata))) {
        // Keys are tokens: the API takes no others.
        let key = key.as_str();
        self.push(key, value.as_str(), |text| {
            encode(text, key, value, metadata);
        });
    }

    /// Appends one member, unless the policy, the limits or Sentry's rule keep it back.
    fn push(&mut self, key: &str, value: &str, write: impl FnOnce(&mut String)) {
        if key.starts_with(SENTRY) && !names_trace(self.cx) {
            self.dropped.other_trace += 1;
            return;
        }
        if !self.policy.admits(key, value, self.dropped) {
            return;
        }
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

/// Whether the `sentry-*` members are about this trace: those of another would have its receiver
/// sample and attribute this one by it (Sentry SDK specification, "Dynamic sampling context").
pub(super) fn names_trace(cx: &Context) -> bool {
    cx.baggage().get("sentry-trace_id").is_some_and(|named| {
        let trace_id = cx.span().span_context().trace_id();
        let named = hex::decode(named.as_str().as_bytes()).map(TraceId::from_bytes);
        trace_id != TraceId::INVALID && named == Some(trace_id)
    })
}

/// The value of a member that is in `baggage` as it was received.
fn unchanged<'a>(member: &Member<'_>, baggage: &'a Baggage) -> Option<&'a str> {
    let (value, metadata) = baggage.get_with_metadata(member.key)?;
    let is_same = is_same(member.properties, metadata.as_str()) && member.says(value.as_str());
    is_same.then_some(value.as_str())
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
        let (name, said) = match property.split_once('=') {
            None => (property, None),
            Some((name, said)) => (name.trim_end(), Some(said.trim_start())),
        };
        text.push(';');
        text.extend(utf8_percent_encode(name, PROPERTY));
        if let Some(said) = said {
            text.push('=');
            text.extend(utf8_percent_encode(said, PROPERTY));
        }
    }
}
