//! The spans of one message, and that of an acknowledgement of a hundred.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::load::{ACKNOWLEDGED, Mode};
use super::support::sdk::{Links, Message, Template, text};

const QUEUE: &str = "bench-0123456789abcdef";

pub(crate) fn templates(mode: Mode) -> Vec<Template> {
    let nothing: Message = |_, _| {};
    match mode {
        Mode::Publish => vec![template(
            "publish",
            "send",
            SpanKind::Producer,
            Links::None,
            nothing,
        )],
        Mode::Consume => {
            let process = SpanKind::Consumer;
            let process = template("process", "process", process, Links::Told(1), tag)
                .with(KeyValue::new("tracehop.message.attempt", 1));
            let links = Links::Told(ACKNOWLEDGED);
            let ack = template("ack", "settle", SpanKind::Client, links, tag)
                .with(KeyValue::new("messaging.batch.message_count", 100))
                .every(ACKNOWLEDGED);
            vec![process, ack]
        }
    }
}

fn template(
    operation: &'static str,
    operation_type: &'static str,
    kind: SpanKind,
    links: Links,
    message: Message,
) -> Template {
    let operation = ("rabbitmq", operation, operation_type);
    Template::new(operation, QUEUE, kind, links, message)
        .with(text("messaging.rabbitmq.destination.routing_key", QUEUE))
}

fn tag(tag: i64, attributes: &mut Vec<KeyValue>) {
    attributes.push(KeyValue::new(
        "messaging.rabbitmq.message.delivery_tag",
        tag,
    ));
}
