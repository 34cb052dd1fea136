//! `tracestate` of W3C Trace Context, level 2, "tracestate header". The API's own parser lets control
//! characters, empty keys and duplicates pass and cuts a list that is too long.

use opentelemetry::trace::TraceState;

use crate::ows::trim_ows;

const MAX_MEMBERS: usize = 32;
const MAX_LENGTH: usize = 256;

/// A list as the API holds it.
pub(crate) struct Parsed {
    pub(crate) state: TraceState,
    /// The whole list, where it has a key that the API refuses: level 1 allowed one `@` and at most
    /// 13 characters after it, and that is what the API (0.33.1) still asks of a key.
    pub(crate) whole: Option<String>,
}

/// Combines the headers in their order. `None` if there is no member, and where anything is invalid
/// or there are more than 32 members. Of a key that comes twice the first counts, which is the one
/// written last ("Mutating the tracestate Field": modified keys move to the left, and duplicates may
/// be discarded).
pub(crate) fn parse(headers: &[&str]) -> Option<Parsed> {
    let mut members = [("", ""); MAX_MEMBERS];
    let (mut count, mut seen) = (0, 0);
    for member in headers.iter().flat_map(|header| header.split(',')) {
        let member = trim_ows(member);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        seen += 1;
        if !is_valid(key, value) || seen > MAX_MEMBERS {
            return None;
        }
        if members[..count].iter().all(|(known, _)| *known != key) {
            members[count] = (key, value);
            count += 1;
        }
    }
    let members = &members[..count];
    if members.is_empty() {
        return None;
    }
    if let Ok(state) = TraceState::from_key_value(members.iter().copied()) {
        return Some(Parsed { state, whole: None });
    }
    let holds = |member: &(&str, &str)| TraceState::from_key_value([*member]).is_ok();
    let held = members.iter().copied().filter(holds);
    Some(Parsed {
        state: TraceState::from_key_value(held).ok()?,
        whole: Some(join(members.iter().copied())),
    })
}

/// Writes the members that are valid, since the API takes values that no header may contain;
/// `None` rather than an empty header.
pub(crate) fn format(state: &TraceState) -> Option<String> {
    // Mostly there is none, and to walk it takes a list.
    if *state == TraceState::NONE {
        return None;
    }
    let valid = |(key, value): &(&str, &str)| is_valid(key, value);
    let header = join(state.into_iter().filter(valid));
    (!header.is_empty()).then_some(header)
}

fn join<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut header = String::new();
    for (key, value) in members {
        if !header.is_empty() {
            header.push(',');
        }
        header.push_str(key);
        header.push('=');
        header.push_str(value);
    }
    header
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
