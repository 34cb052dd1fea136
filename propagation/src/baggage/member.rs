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

    fn parse(text: &'a str) -> Option<Self> {
        let (pair, properties) = match position(text, b';') {
            None => (text, ""),
            Some(at) => (&text[..at], trim_ows(&text[at + 1..])),
        };
        let (key, encoded) = parse_pair(pair)?;
        // A semicolon with nothing after it says nothing, and does no harm.
        let is_sound = |property: &str| {
            let property = trim_ows(property);
            property.is_empty() || is_token(property) || parse_pair(property).is_some()
        };
        (properties.is_empty() || properties.split(';').all(is_sound)).then_some(Self {
            text,
            key,
            properties,
            encoded,
        })
    }
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

    fn next_part(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let (part, rest) = match position(rest, b',') {
            None => (rest, None),
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        };
        self.rest = rest;
        Some(trim_ows(part))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        loop {
            let part = self.next_part()?;
            if part.is_empty() {
                continue;
            }
            match Member::parse(part) {
                None => self.malformed += 1,
                Some(member) => return Some(member),
            }
        }
    }
}

/// `token OWS "=" OWS *baggage-octet`, without the white space.
fn parse_pair(pair: &str) -> Option<(&str, &str)> {
    let equals = position(pair, b'=')?;
    let (key, value) = (trim_ows(&pair[..equals]), trim_ows(&pair[equals + 1..]));
    (is_token(key) && is_baggage_octets(value)).then_some((key, value))
}

/// The same as `find`, which is made for longer texts than a member.
fn position(text: &str, byte: u8) -> Option<usize> {
    text.bytes().position(|other| other == byte)
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
