use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::ows::trim_ows;

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
        match position(self.encoded, b'%') {
            None => self.encoded.into(),
            Some(_) => percent_decode_str(self.encoded).decode_utf8_lossy(),
        }
    }

    /// Whether its value is `value`, without decoding it into a text of its own.
    pub(super) fn says(&self, value: &str) -> bool {
        match position(self.encoded, b'%') {
            None => is_same(self.encoded, value),
            Some(_) => {
                percent_decode_str(self.encoded).eq(value.bytes())
                    || value.contains(char::REPLACEMENT_CHARACTER) && self.value() == value
            }
        }
    }

    fn parse(part: &Part<'a>) -> Option<Self> {
        let text = part.text;
        let (pair, properties) = match part.semicolon {
            None => (text, ""),
            Some(at) => (&text[..at], trim_ows(&text[at + 1..])),
        };
        let equals = part.equals.filter(|at| *at < pair.len())?;
        let (key, encoded) = checked_pair(&pair[..equals], &pair[equals + 1..])?;
        // A semicolon with nothing after it says nothing, and does no harm.
        let is_sound = |property: &str| {
            let property = trim_ows(property);
            property.is_empty() || is_token(property) || parse_pair(property).is_some()
        };
        (properties.is_empty() || properties.split(';').all(is_sound)).then_some(Self {
            text: trim_ows(text),
            key,
            properties,
            encoded,
        })
    }
}

/// What stands between two commas, and where its first marks are.
struct Part<'a> {
    text: &'a str,
    equals: Option<usize>,
    semicolon: Option<usize>,
}

/// The valid members of a header, in order; the others are counted.
pub(super) struct Members<'a> {
    rest: Option<&'a str>,
    malformed: usize,
}

impl<'a> Members<'a> {
    pub(super) fn new(header: &'a str) -> Self {
        Self {
            rest: Some(header),
            malformed: 0,
        }
    }

    /// How many were malformed so far.
    pub(super) fn malformed(&self) -> usize {
        self.malformed
    }

    fn next_part(&mut self) -> Option<Part<'a>> {
        let rest = self.rest?;
        let (mut equals, mut semicolon) = (None, None);
        let mut end = None;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'=' if equals.is_none() => equals = Some(at),
                b';' if semicolon.is_none() => semicolon = Some(at),
                b',' => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        self.rest = end.map(|at| &rest[at + 1..]);
        Some(Part {
            text: &rest[..end.unwrap_or(rest.len())],
            equals,
            semicolon,
        })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        loop {
            let part = self.next_part()?;
            if trim_ows(part.text).is_empty() {
                continue;
            }
            match Member::parse(&part) {
                None => self.malformed += 1,
                Some(member) => return Some(member),
            }
        }
    }
}

/// `token OWS "=" OWS *baggage-octet`, without the white space.
fn parse_pair(pair: &str) -> Option<(&str, &str)> {
    let equals = position(pair, b'=')?;
    checked_pair(&pair[..equals], &pair[equals + 1..])
}

fn checked_pair<'a>(key: &'a str, value: &'a str) -> Option<(&'a str, &'a str)> {
    let (key, value) = (trim_ows(key), trim_ows(value));
    (is_token(key) && is_baggage_octets(value)).then_some((key, value))
}

/// The same as `find`, which is made for longer texts than a member.
fn position(text: &str, byte: u8) -> Option<usize> {
    text.bytes().position(|other| other == byte)
}

/// The same as `==`, which has the C library compare texts of no length too: slowly, since what an
/// empty text points to is no memory.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

/// A `token` of RFC 7230, section 3.2.6.
pub(crate) const fn is_token(text: &str) -> bool {
    let mut bytes = text.as_bytes();
    let is_something = !bytes.is_empty();
    while let [byte, rest @ ..] = bytes {
        if CLASSES[*byte as usize] & TOKEN == 0 {
            return false;
        }
        bytes = rest;
    }
    is_something
}

fn is_baggage_octets(text: &str) -> bool {
    text.bytes()
        .all(|byte| CLASSES[usize::from(byte)] & OCTET != 0)
}

/// `tchar` of RFC 7230, section 3.2.6.
const TOKEN: u8 = 1;
/// `baggage-octet` of W3C Baggage, "Definition".
const OCTET: u8 = 2;

/// What each byte may be part of.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        if !matches!(byte, b'"' | b',' | b';' | b'\\') {
            classes[byte as usize] |= OCTET;
        }
        let is_mark = matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        if is_mark || byte.is_ascii_alphanumeric() {
            classes[byte as usize] |= TOKEN;
        }
        byte += 1;
    }
    classes
};
