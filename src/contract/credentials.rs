use std::borrow::Cow;

/// `text` with the user information left out of every URL in it: of what stands between `://` and
/// the next white space or quotation mark, all up to the last `@`.
///
/// RFC 3986, section 3.2.1, ends it at the first `/`, `?` or `#`. Secrets are full of those, and
/// who forgets to encode one must not find it in a log; no name of a queue or topic has an `@`.
pub(crate) fn without_credentials(text: &str) -> Cow<'_, str> {
    const ENDS: [char; 5] = ['"', '\'', '`', '<', '>'];
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let url = after.split(|c: char| c.is_whitespace() || ENDS.contains(&c));
        let url = url.into_iter().next().unwrap_or_default();
        let secret = url.rfind('@').map_or(0, |at| at + 1);
        shown.push_str(before);
        shown.push_str("://");
        rest = &after[secret..];
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_information_of_every_url_is_left_out_and_nothing_else() {
        let cases = [
            ("http://key:secret@host:1/q", "http://host:1/q"),
            ("http://host:1/q?a=b", "http://host:1/q?a=b"),
            ("no URL, and an a@b", "no URL, and an a@b"),
            (
                "at \"https://key:secret@a/b\" or http://key@c is nobody",
                "at \"https://a/b\" or http://c is nobody",
            ),
            ("://", "://"),
        ];
        for (text, shown) in cases {
            assert_eq!(without_credentials(text), shown);
        }
    }

    #[test]
    fn a_secret_that_should_have_been_encoded_is_left_out_too() {
        for secret in ["a/b+c=", "a@b", "a?b", "a#b", "1/2", "://"] {
            let url = format!("https://key:{secret}@host/1/orders");
            assert_eq!(without_credentials(&url), "https://host/1/orders");
        }
    }
}
