//! The spans of one record.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::load::{GROUP, KEY, Mode};
use super::support::sdk::{Links, Template};

const TOPIC: &str = "bench-0123456789abcdef";

pub(crate) fn templates(mode: Mode) -> Vec<Template> {
    let group = || KeyValue::new("messaging.consumer.group.name", GROUP);
    let poll = || template("poll", "receive", SpanKind::Client, Links::Bare).with(group());
    match mode {
        Mode::Produce => vec![template("send", "send", SpanKind::Producer, Links::None)],
        Mode::Poll => vec![poll()],
        Mode::Consume => {
            let process = template("process", "process", SpanKind::Consumer, Links::Told(1))
                .with(group())
                .with(KeyValue::new("tracehop.message.attempt", 1));
            vec![poll(), process]
        }
    }
}

fn template(
    operation: &'static str,
    operation_type: &'static str,
    kind: SpanKind,
    links: Links,
) -> Template {
    let operation = ("kafka", operation, operation_type);
    Template::new(operation, TOPIC, kind, links, message)
}

fn message(offset: i64, attributes: &mut Vec<KeyValue>) {
    attributes.push(KeyValue::new("messaging.kafka.offset", offset));
    attributes.push(KeyValue::new("messaging.kafka.message.key", KEY.to_owned()));
    attributes.push(KeyValue::new(
        "messaging.destination.partition.id",
        0.to_string(),
    ));
}
