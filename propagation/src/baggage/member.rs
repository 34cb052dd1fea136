use std::{borrow::Cow, str::Split};

use percent_encoding::percent_decode_str;

use super::{BaggageDropped, MAX_BYTES, MAX_MEMBERS};

const OWS: [char; 2] = [' ', '\t'];

/// One valid list-member of a `baggage` header, still encoded.
pub(super) struct Member<'a> {
    /// The whole of it, as written, without the white space around it.
    pub(super) text: &'a str,
    pub(super) key: &'a str,
    pub(super) properties: &'a str,
    encoded: &'a str,
}

impl<'a> Member<'a> {
    /// The decoded value; bytes that are not UTF-8 become U+FFFD (W3C Baggage, "value").
    pub(super) fn value(&self) -> Cow<'a, str> {
        percent_decode_str(self.encoded).decode_utf8_lossy()
    }

    fn parse(text: &'a str) -> Option<Self> {
        let (pair, properties) = text.split_once(';').unwrap_or((text, ""));
        let (key, encoded) = split_pair(pair)?;
        // A semicolon with nothing after it says nothing, and does no harm.
        let sound = |property: &str| {
            let property = property.trim_matches(OWS);
            property.is_empty() || is_token(property) || split_pair(property).is_some()
        };
        if !properties.is_empty() && !properties.split(';').all(sound) {
            return None;
        }
        Some(Self {
            text,
            key,
            properties: properties.trim_matches(OWS),
            encoded,
        })
    }
}

/// The members of a header that are valid and within the limits, in order; the others are counted.
pub(super) struct Members<'a> {
    parts: Split<'a, char>,
    room: Room,
    dropped: BaggageDropped,
}

impl<'a> Members<'a> {
    pub(super) fn new(header: &'a str) -> Self {
        Self {
            parts: header.split(','),
            room: Room::default(),
            dropped: BaggageDropped::default(),
        }
    }

    /// What was left out so far.
    pub(super) fn dropped(&self) -> BaggageDropped {
        self.dropped
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        for part in self.parts.by_ref() {
            let part = part.trim_matches(OWS);
            if part.is_empty() {
                continue;
            }
            match Member::parse(part) {
                None => self.dropped.malformed += 1,
                Some(member) if self.room.take(part.len(), &mut self.dropped) => {
                    return Some(member);
                }
                Some(_) => {}
            }
        }
        None
    }
}

/// What is left of the limits of one header, for reading and for writing.
#[derive(Default)]
pub(super) struct Room {
    members: usize,
    bytes: usize,
}

impl Room {
    /// Takes room for one more member of `length` encoded bytes, or counts it as dropped.
    pub(super) fn take(&mut self, length: usize, dropped: &mut BaggageDropped) -> bool {
        let comma = usize::from(self.members > 0);
        if self.members == MAX_MEMBERS {
            dropped.members += 1;
        } else if self.bytes + comma + length > MAX_BYTES {
            dropped.bytes += 1;
        } else {
            self.members += 1;
            self.bytes += comma + length;
            return true;
        }
        false
    }
}

/// `token OWS "=" OWS *baggage-octet`, without the white space.
fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let (key, value) = pair.split_once('=')?;
    let (key, value) = (key.trim_matches(OWS), value.trim_matches(OWS));
    (is_token(key) && value.bytes().all(is_baggage_octet)).then_some((key, value))
}

/// RFC 7230, section 3.2.6.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// W3C Baggage, "Definition": graphic ASCII but for the quotation mark, comma, semicolon and
/// backslash.
fn is_baggage_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}
