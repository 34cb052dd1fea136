use std::borrow::Cow;

use opentelemetry::{Context, baggage::Baggage, baggage::BaggageExt};

use super::{
    BaggageDropped, BaggagePolicy, FIELD, MAX_MEMBERS, ReceivedBaggage, SENTRY, Scope,
    member::{Members, is_token},
    policy::{LIMITS_ALONE, Room},
};
use crate::{Carrier, carrier::Values, remote::Malformed};

/// How many fields of one prefix are looked at, with and without a value.
const MAX_FIELDS: usize = 4 * MAX_MEMBERS;

/// The baggage that the formats have found in one carrier so far: of members with the same key the
/// first format's is kept, within one policy for all.
#[derive(Debug)]
pub(crate) struct Intake<'a> {
    policy: &'a BaggagePolicy,
    room: Room,
    members: Option<Baggage>,
    header: Option<ReceivedBaggage>,
    read: Scope,
    pub(crate) dropped: BaggageDropped,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(policy: &'a BaggagePolicy) -> Self {
        Self {
            policy,
            room: Room::new(policy),
            members: None,
            header: None,
            read: Scope::Nothing,
            dropped: BaggageDropped::default(),
        }
    }

    /// Reads the `baggage` header of `carrier`, unless a format before has done so.
    pub(crate) fn header(&mut self, carrier: Carrier<'_>, scope: Scope) -> Result<(), Malformed> {
        if scope <= self.read {
            return Ok(());
        }
        let header: Cow<'_, str> = match carrier.values(FIELD) {
            Values::None => return Ok(()),
            Values::One(one) => one.into(),
            // W3C Baggage, "Limits": several headers are one list, and share them.
            Values::Several(several) => several.join(",").into(),
        };
        self.read = scope;
        self.more(&header, scope)
    }

    /// Reads one more list of members; malformed if there are some and not one is valid.
    pub(crate) fn more(&mut self, header: &str, scope: Scope) -> Result<(), Malformed> {
        if self.header.is_none() && !header.trim().is_empty() {
            self.header = Some(ReceivedBaggage(header.into()));
        }
        let mut own = Baggage::new();
        let mut members = Members::new(header);
        let mut valid = false;
        for member in &mut members {
            valid = true;
            if scope == Scope::All || member.key.starts_with(SENTRY) {
                let value = member.value();
                self.take(
                    &mut own,
                    member.key,
                    value,
                    member.properties,
                    member.text.len(),
                );
            }
        }
        let malformed = members.malformed();
        self.dropped.malformed += malformed;
        self.merge(own);
        if valid || malformed == 0 {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// Reads the fields whose names begin with `prefix`, one member each. Stops looking where the
    /// limits are reached, and counts the rest: to look a field up may cost a carrier a search.
    pub(crate) fn fields(
        &mut self,
        carrier: Carrier<'_>,
        prefix: &str,
        decode: fn(&str) -> Cow<'_, str>,
    ) {
        let mut own = Baggage::new();
        let fields = carrier.keys();
        let fields = fields.iter().filter_map(|field| {
            let start = field.get(..prefix.len())?;
            let key = &field[prefix.len()..];
            start.eq_ignore_ascii_case(prefix).then_some((*field, key))
        });
        let mut is_full = false;
        for (index, (field, key)) in fields.enumerate() {
            if is_full || index >= MAX_FIELDS {
                self.dropped.members += 1;
            } else if !is_token(key) {
                self.dropped.malformed += 1;
            } else if own.get(key).is_none()
                && let Some(value) = carrier.get(field)
            {
                let value = decode(value);
                let length = key.len() + 1 + value.len();
                let before = self.dropped;
                self.take(&mut own, key, value, "", length);
                is_full = before.members + before.bytes < self.dropped.members + self.dropped.bytes;
            }
        }
        self.merge(own);
    }

    /// Takes members of a format that this crate does not know.
    pub(crate) fn members(&mut self, members: &Baggage) {
        let mut own = Baggage::new();
        let mut members: Vec<_> = members.iter().collect();
        members.sort_unstable_by_key(|(key, _)| key.as_str());
        for (key, (value, metadata)) in members {
            let (key, value, properties) = (key.as_str(), value.as_str(), metadata.as_str());
            let length = key.len() + 1 + value.len() + properties.len();
            self.take(&mut own, key, value.into(), properties, length);
        }
        self.merge(own);
    }

    /// Puts what was found into `cx`.
    pub(crate) fn put(self, mut cx: Context) -> Context {
        if let Some(baggage) = self.members.filter(|baggage| !baggage.is_empty()) {
            cx = cx.with_baggage(baggage);
        }
        if let Some(header) = self.header {
            cx = cx.with_value(header);
        }
        cx
    }

    fn take(
        &mut self,
        own: &mut Baggage,
        key: &str,
        value: Cow<'_, str>,
        properties: &str,
        length: usize,
    ) {
        let known = self.members.as_ref();
        let is_new = known.is_none_or(|members| members.get(key).is_none());
        if is_new
            && self.policy.admits(key, &value, &mut self.dropped)
            && self.room.take(length, &mut self.dropped)
        {
            own.insert_with_metadata(key.to_owned(), value.into_owned(), properties);
        }
    }

    fn merge(&mut self, own: Baggage) {
        let Some(members) = &mut self.members else {
            self.members = Some(own);
            return;
        };
        for (key, (value, metadata)) in &own {
            members.insert_with_metadata(key.clone(), value.clone(), metadata.as_str());
        }
    }
}

/// What `header` says, within the limits of the specification.
pub(super) fn said(header: &str) -> Baggage {
    let mut intake = Intake::new(&LIMITS_ALONE);
    intake.more(header, Scope::All).ok();
    intake.members.unwrap_or_default()
}
