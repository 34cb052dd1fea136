use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, Value};
use serde_json::{Map, json};

use super::kind_name;
use super::{Event, Link, Span};

impl Span {
    /// The span as a JSON object: `service`, `name`, `kind` and `status` (upper case), `trace_id`,
    /// `span_id`, `parent_span_id` (hexadecimal, the last empty for a root), `start_unix_nano`,
    /// `end_unix_nano` (numbers), `attributes` (an object), `links` (objects of `trace_id`,
    /// `span_id`, `attributes`) and `events` (objects of `name`, `time_unix_nano`, `attributes`).
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "service": self.service,
            "name": self.name,
            "kind": kind_name(&self.kind),
            "trace_id": self.trace_id.to_string(),
            "span_id": self.span_id.to_string(),
            "parent_span_id": self.parent_span_id.map_or_else(String::new, |id| id.to_string()),
            "start_unix_nano": self.start_unix_nano,
            "end_unix_nano": self.end_unix_nano,
            "status": status_name(&self.status),
            "attributes": object(&self.attributes),
            "links": self.links.iter().map(link).collect::<Vec<_>>(),
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }
}

fn link(link: &Link) -> serde_json::Value {
    json!({
        "trace_id": link.trace_id.to_string(),
        "span_id": link.span_id.to_string(),
        "attributes": object(&link.attributes),
    })
}

fn event(event: &Event) -> serde_json::Value {
    json!({
        "name": event.name,
        "time_unix_nano": event.time_unix_nano,
        "attributes": object(&event.attributes),
    })
}

const fn status_name(status: &Status) -> &'static str {
    match status {
        Status::Unset => "UNSET",
        Status::Ok => "OK",
        Status::Error { .. } => "ERROR",
    }
}

/// Where a key was set twice the last value stands.
fn object(attributes: &[KeyValue]) -> Map<String, serde_json::Value> {
    attributes
        .iter()
        .map(|attribute| (attribute.key.to_string(), value(&attribute.value)))
        .collect()
}

fn value(of: &Value) -> serde_json::Value {
    match of {
        Value::Bool(flag) => json!(flag),
        Value::I64(number) => json!(number),
        Value::F64(number) => json!(number),
        Value::Array(Array::Bool(flags)) => json!(flags),
        Value::Array(Array::I64(numbers)) => json!(numbers),
        Value::Array(Array::F64(numbers)) => json!(numbers),
        Value::Array(Array::String(texts)) => texts
            .iter()
            .map(opentelemetry::StringValue::as_str)
            .collect(),
        other => json!(other.to_string()),
    }
}
