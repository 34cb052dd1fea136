//! The program, and the spans that its demo prints.

use std::collections::HashMap;
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;

/// On brokers of its own, whatever others there are.
pub(super) fn tracehop(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracehop"))
        .args(args)
        .env_remove("AMQP_URL")
        .env_remove("KAFKA_BROKERS")
        .output()
        .unwrap()
}

/// The spans of one run, which all tests look at.
pub(super) static SPANS: LazyLock<Spans> = LazyLock::new(|| {
    let output = tracehop(&["demo", "--json"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let all: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let places = all.iter().enumerate();
    let by_id = places
        .map(|(place, span)| (text(&span["span_id"]).to_owned(), place))
        .collect();
    Spans { all, by_id }
});

pub(super) struct Spans {
    pub(super) all: Vec<Value>,
    pub(super) by_id: HashMap<String, usize>,
}

impl Spans {
    pub(super) fn find(&self, id: &Value) -> Option<&Value> {
        self.by_id.get(text(id)).map(|&place| &self.all[place])
    }

    pub(super) fn parent(&self, span: &Value) -> Option<&Value> {
        self.find(&span["parent_span_id"])
    }

    /// The span itself, its parent, and so on up to the root.
    pub(super) fn ancestry<'a>(&'a self, span: &'a Value) -> Vec<&'a Value> {
        std::iter::successors(Some(span), |span| self.parent(span)).collect()
    }

    pub(super) fn named<'a>(
        &'a self,
        service: &'a str,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        self.all
            .iter()
            .filter(move |span| span["service"] == service && span["name"] == name)
    }

    /// The attempts at packing that order, first to last.
    pub(super) fn packing(&self, order: i64) -> Vec<&Value> {
        self.all
            .iter()
            .filter(|span| span["attributes"]["order.id"] == order)
            .collect()
    }

    /// What the span links to, of that type.
    pub(super) fn linked(&self, span: &Value, link_type: &str) -> Vec<&Value> {
        list(&span["links"])
            .iter()
            .filter(|link| link["attributes"]["tracehop.link.type"] == link_type)
            .map(|link| self.find(&link["span_id"]).unwrap())
            .collect()
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

pub(super) fn time(span: &Value, which: &str) -> u64 {
    span[format!("{which}_unix_nano")].as_u64().unwrap()
}

/// Lower-case hexadecimal digits, and not all zero (W3C Trace Context, level 1, 3.2.2).
pub(super) fn is_id(value: &Value, digits: usize) -> bool {
    let text = text(value);
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte != b'0')
}
