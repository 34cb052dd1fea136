use std::fmt::Write as _;

use opentelemetry::propagation::{Extractor, Injector};

/// The fields of a message, which may be there several times: one a line, `name: value`, as in the
/// vector files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Lines without a colon are no fields.
    pub fn parse(input: &[u8]) -> Self {
        let text = String::from_utf8_lossy(input);
        let fields = text.split('\n').filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| {
            let value = value.strip_prefix(' ').unwrap_or(value);
            (name.to_owned(), value.to_owned())
        });
        Self(fields.collect())
    }

    /// One field.
    pub fn of(name: &str, value: &str) -> Self {
        Self(vec![(name.to_owned(), value.to_owned())])
    }

    /// Without the fields of that name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What was written fits on one line each: nothing can add a field of its own.
    pub fn assert_writable(&self) {
        let is_unwritable = |c: char| c.is_control() && c != '\t';
        for (name, value) in self.iter() {
            let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b':';
            assert!(!name.is_empty() && name.bytes().all(is_name), "{name:?}");
            assert!(
                !value.is_empty() && !value.contains(is_unwritable),
                "{name}: {value:?}"
            );
            let same = self.iter().filter(|(other, _)| *other == name);
            assert_eq!(same.count(), 1, "{name} is written twice");
        }
    }

    /// The lines again.
    pub fn to_text(&self) -> String {
        self.iter().fold(String::new(), |mut text, (name, value)| {
            writeln!(text, "{name}: {value}").ok();
            text
        })
    }
}

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        let mut found = self
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(key));
        found.next().map(|(_, value)| value)
    }

    fn keys(&self) -> Vec<&str> {
        self.iter().map(|(name, _)| name).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let found = self
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(key));
        let found: Vec<_> = found.map(|(_, value)| value).collect();
        (!found.is_empty()).then_some(found)
    }
}

impl Injector for Headers {
    fn set(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}
