use std::fmt;
use std::sync::Arc;

use opentelemetry::propagation::Extractor;
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use super::{guarded, names};

pub(super) type Redact = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

/// Which headers are recorded, and what is recorded of them.
#[derive(Clone)]
pub(super) struct Captured {
    keys: Vec<(String, Key)>,
    redact: Redact,
}

impl Captured {
    /// Propagation fields are left out of `keys`.
    pub(super) fn new(keys: impl Iterator<Item = String>, redact: Redact) -> Self {
        Self {
            keys: keys
                .filter(|key| !is_propagation_field(key))
                .map(|key| {
                    let attribute = Key::from(format!("{}{key}", names::HEADER_PREFIX));
                    (key, attribute)
                })
                .collect(),
            redact,
        }
    }

    pub(super) fn describe(&self, headers: &dyn Extractor, mut attribute: impl FnMut(KeyValue)) {
        for (key, name) in &self.keys {
            let values: Vec<StringValue> = headers
                .get_all(key)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|value| guarded(|| (self.redact)(key, value)).flatten())
                .map(StringValue::from)
                .collect();
            if !values.is_empty() {
                let value = Value::Array(Array::String(values));
                attribute(KeyValue::new(name.clone(), value));
            }
        }
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Captured").field(&self.keys).finish()
    }
}

/// The fields of every format that this crate names, or means to; baggage and ids stay off spans
/// whichever propagators are in use.
fn is_propagation_field(key: &str) -> bool {
    const FIELDS: [&str; 10] = [
        "traceparent",
        "tracestate",
        "baggage",
        "awstraceheader",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        "b3",
        "uber-trace-id",
        "sentry-trace",
        "_datadog",
    ];
    const PREFIXES: [&str; 4] = ["x-b3-", "x-datadog-", "ot-baggage-", "uberctx-"];
    let key = key.to_ascii_lowercase();
    FIELDS.contains(&key.as_str()) || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}
