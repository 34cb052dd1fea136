use std::fmt;

use opentelemetry::propagation::Extractor;

/// What formats read: an [`Extractor`], and whether it can show a field more than once.
///
/// Any extractor becomes one that can, so that two of a field are noticed where only one may be.
#[derive(Clone, Copy)]
pub struct Carrier<'a> {
    extractor: &'a dyn Extractor,
    repeats: bool,
}

/// What a carrier shows of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values<'a> {
    None,
    One(&'a str),
    Several(Vec<&'a str>),
}

impl<'a> Carrier<'a> {
    /// A carrier that shows each field once at most, as those of messages do. It is asked for one
    /// value, and so spared the list that [`Extractor::get_all`] makes of each field.
    pub fn once(extractor: &'a dyn Extractor) -> Self {
        Self {
            extractor,
            repeats: false,
        }
    }

    /// A field's value; the first, where there are several.
    pub fn get(self, field: &str) -> Option<&'a str> {
        self.extractor.get(field)
    }

    /// The names of all fields.
    pub fn keys(self) -> Vec<&'a str> {
        self.extractor.keys()
    }

    pub(crate) fn values(self, field: &str) -> Values<'a> {
        if !self.repeats {
            return self.get(field).map_or(Values::None, Values::One);
        }
        match self.extractor.get_all(field) {
            None => Values::None,
            Some(values) => match values[..] {
                [] => Values::None,
                [one] => Values::One(one),
                _ => Values::Several(values),
            },
        }
    }
}

impl<'a> From<&'a dyn Extractor> for Carrier<'a> {
    fn from(extractor: &'a dyn Extractor) -> Self {
        Self {
            extractor,
            repeats: true,
        }
    }
}

impl<'a, E: Extractor> From<&'a E> for Carrier<'a> {
    fn from(extractor: &'a E) -> Self {
        Self::from(extractor as &dyn Extractor)
    }
}

impl fmt::Debug for Carrier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are the user's data.
        f.debug_list().entries(self.keys()).finish()
    }
}
