//! What SQS and SNS accept as the name and the text of a message attribute.

/// Whether an attribute may have that name (Amazon SQS developer guide, "message attribute
/// components"; SNS has the same rules).
pub fn is_valid_name(name: &str) -> bool {
    let starts_with = |prefix: &str| {
        let start = name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    matches!(name.len(), 1..=256)
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !starts_with("aws.")
        && !starts_with("amazon.")
}

/// The first character of `text` that is refused in bodies and values: they take those of XML 1.0
/// (Amazon SQS API reference, `SendMessage`).
pub fn refused_character(text: &str) -> Option<char> {
    // Nearly all of a text is at or above the space, and below the surrogates' end.
    text.chars().find(|&character| {
        (character < ' ' && !matches!(character, '\t' | '\n' | '\r'))
            || matches!(character, '\u{FFFE}' | '\u{FFFF}')
    })
}
