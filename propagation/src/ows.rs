/// Cuts the optional white space of RFC 7230, section 3.2.3, off both ends: spaces and tabs, and no
/// line breaks.
pub(crate) fn trim_ows(text: &str) -> &str {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let bytes = text.as_bytes();
    let Some(start) = bytes.iter().position(is_text) else {
        return "";
    };
    let end = bytes
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last + 1);
    &text[start..end]
}
