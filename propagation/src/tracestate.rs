//! `tracestate` of W3C Trace Context, level 2, "tracestate header". The API's own parser lets control
//! characters, empty keys and duplicates pass and cuts a list that is too long.

use opentelemetry::trace::TraceState;

use crate::ows::trim_ows;

const MAX_MEMBERS: usize = 32;
const MAX_LENGTH: usize = 256;

/// Combines the headers in their order. `None` if there is no member, and where anything is
/// invalid, a key comes twice or there are more than 32 members: a part of a list is never kept.
///
/// The API adds a limit of its own (0.33): a key may have one `@`, with at most 13 characters
/// after it.
pub(crate) fn parse(headers: &[&str]) -> Option<TraceState> {
    let mut members = [("", ""); MAX_MEMBERS];
    let mut count = 0;
    for member in headers.iter().flat_map(|header| header.split(',')) {
        let member = trim_ows(member);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        let known = &members[..count];
        if !is_valid(key, value) || known.iter().any(|(other, _)| *other == key) {
            return None;
        }
        *members.get_mut(count)? = (key, value);
        count += 1;
    }
    if count == 0 {
        return None;
    }
    TraceState::from_key_value(members[..count].iter().copied()).ok()
}

/// Writes the members that are valid, since the API takes values that no header may contain;
/// `None` rather than an empty header.
pub(crate) fn format(state: &TraceState) -> Option<String> {
    let mut header = String::new();
    for (key, value) in state
        .into_iter()
        .filter(|(key, value)| is_valid(key, value))
    {
        if !header.is_empty() {
            header.push(',');
        }
        header.push_str(key);
        header.push('=');
        header.push_str(value);
    }
    (!header.is_empty()).then_some(header)
}

fn is_valid(key: &str, value: &str) -> bool {
    let key_fits = match key.as_bytes() {
        [b'a'..=b'z' | b'0'..=b'9', rest @ ..] => key.len() <= MAX_LENGTH
            && rest.iter().all(
                |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'),
            ),
        _ => false,
    };
    let value_fits = match value.as_bytes() {
        [.., last] => {
            value.len() <= MAX_LENGTH
                && *last != b' '
                && value
                    .bytes()
                    .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'='))
        }
        [] => false,
    };
    key_fits && value_fits
}
