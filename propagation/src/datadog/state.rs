//! The member `dd` of tracestate: `s:<priority>;o:<origin>;t.<tag>:<value>`.

use std::borrow::Cow;

use opentelemetry::trace::SpanContext;

/// What a tracestate value may have at most (W3C Trace Context, level 2, "value").
const MAX_LENGTH: usize = 256;

/// What a span context keeps for Datadog.
#[derive(Debug, Default)]
pub(super) struct State<'a> {
    pub(super) priority: Option<i32>,
    pub(super) origin: Option<Cow<'a, str>>,
    /// Without what their names begin with.
    pub(super) tags: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> State<'a> {
    pub(super) fn of(span_context: &'a SpanContext) -> Self {
        let mut state = Self::default();
        let dd = span_context.trace_state().get("dd").unwrap_or_default();
        for (key, value) in dd.split(';').filter_map(|item| item.split_once(':')) {
            match key {
                "s" => state.priority = value.parse().ok(),
                "o" => state.origin = Some(decoded(value)),
                _ => state
                    .tags
                    .extend(key.strip_prefix("t.").map(|tag| (tag, decoded(value)))),
            }
        }
        state
    }
}

/// The value of the member; `None` where the sampled bit of the span context says it all. Tags that
/// find no room are left out.
pub(super) fn write<'a>(
    priority: Option<i32>,
    origin: Option<&str>,
    tags: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<String> {
    let mut rest = String::new();
    if let Some(origin) = origin {
        push(&mut rest, "o:", "", origin);
    }
    for (tag, value) in tags.filter(|(tag, _)| !tag.is_empty()) {
        push(&mut rest, "t.", tag, value);
    }
    let rest = rest.trim_end();
    match priority {
        Some(priority) if !rest.is_empty() || !(0..=1).contains(&priority) => {
            Some(format!("s:{priority}{rest}"))
        }
        _ => rest.strip_prefix(';').map(ToOwned::to_owned),
    }
}

fn push(text: &mut String, kind: &str, tag: &str, value: &str) {
    // The longest priority goes before it all.
    const PRIORITY: usize = "s:-2147483648".len();
    let colon = if tag.is_empty() { "" } else { ":" };
    let length = 1 + kind.len() + tag.len() + colon.len() + value.len();
    if value.is_empty() || PRIORITY + text.len() + length > MAX_LENGTH {
        return;
    }
    text.extend([";", kind]);
    text.extend(tag.chars().map(|character| match character {
        '!'..='~' if !matches!(character, ',' | ';' | ':' | '=') => character,
        _ => '_',
    }));
    text.push_str(colon);
    text.extend(value.chars().map(|character| match character {
        '=' => '~',
        ' '..='~' if !matches!(character, ',' | ';' | '~') => character,
        _ => '_',
    }));
}

fn decoded(value: &str) -> Cow<'_, str> {
    if value.contains('~') {
        value.replace('~', "=").into()
    } else {
        value.into()
    }
}
