use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::attributes::Texts;

/// What is read of one message; SNS puts ten attributes on what it delivers raw, and knows no limit
/// else.
const MAX_FIELDS: usize = 256;

/// Fields that a message brings in a form that cannot be borrowed from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn push(&mut self, name: String, value: String) {
        if self.0.len() < MAX_FIELDS {
            self.0.push((name, value));
        }
    }

    /// An attribute as SNS writes it in JSON: binary values in base64, which are not there if they
    /// are no text. What is no base64 is left as it is, for a format to call it malformed.
    pub(crate) fn push_attribute(&mut self, name: String, data_type: &str, value: String) {
        if !data_type.starts_with("Binary") {
            return self.push(name, value);
        }
        match BASE64_STANDARD.decode(&value).map(String::from_utf8) {
            Err(_) => self.push(name, value),
            Ok(Ok(text)) => self.push(name, text),
            Ok(Err(_)) => {}
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Texts for Fields {
    fn text(&self, name: &str) -> Option<&str> {
        let exact = self.0.iter().find(|(other, _)| other == name);
        let (_, value) = exact.or_else(|| {
            let fields = &mut self.0.iter();
            fields.find(|(other, _)| other.eq_ignore_ascii_case(name))
        })?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}
