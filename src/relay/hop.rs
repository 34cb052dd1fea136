//! What a hop does to the context of a message.

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::propagation::TextMapPropagator;
use tracehop_propagation::{W3cBaggage, owns};

use crate::contract::{Destination, Headers, Message, Value};
use crate::telemetry::{FreshLineage, HOPS};

pub(super) type Members = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How often a message was relayed before.
pub(super) fn hops(message: &Message) -> u32 {
    let header = message.headers.get(HOPS);
    match header {
        Some(Value::Int(hops)) => u32::try_from(*hops).unwrap_or_default(),
        header => header
            .and_then(Value::as_str)
            .and_then(|hops| hops.parse().ok())
            .unwrap_or_default(),
    }
}

/// Source and target, each by a name that is fit for telemetry.
pub(super) fn route(from: &Destination, to: &Destination) -> String {
    let shown = |destination: &Destination| match destination.low_cardinality_name() {
        Some(name) => format!("{}:{name}", destination.system.as_str()),
        None => destination.system.as_str().to_owned(),
    };
    format!("{} -> {}", shown(from), shown(to))
}

/// Takes off the fields of `propagator`, in any case of their names, as they are read.
pub(super) fn strip(headers: &mut Headers, propagator: &dyn TextMapPropagator) {
    headers.retain(|name, _| !owns(propagator, name));
}

/// What the send is a child of: the process span, with the baggage members that pass.
pub(super) fn parent(
    process: &Context,
    passes: Option<&(dyn Fn(&str) -> bool + Send + Sync)>,
) -> Context {
    let parent = match passes {
        None => W3cBaggage::forwarded(process),
        Some(passes) => {
            let members = process.baggage().iter();
            let passing: Baggage = members
                .filter(|(key, _)| passes(key.as_str()))
                .map(|(key, member)| (key.clone(), member.clone()))
                .collect();
            process.with_baggage(passing)
        }
    };
    parent.with_value(FreshLineage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::System;

    #[test]
    fn hops_are_counted_from_what_the_header_says() {
        let told = |value: Value| hops(&Message::new("x").with_header(HOPS, value));
        assert_eq!(hops(&Message::new("x")), 0);
        assert_eq!(told("3".into()), 3);
        assert_eq!(told(Value::Int(4)), 4);
        assert_eq!(told("many".into()), 0);
        assert_eq!(told(Value::Int(-1)), 0);
    }

    #[test]
    fn a_route_has_no_name_that_a_broker_made_up() {
        let from = Destination::new(System::AwsSqs, "orders");
        let mut to = Destination::new(System::RabbitMq, "amq.gen-1");
        assert_eq!(route(&from, &to), "aws_sqs:orders -> rabbitmq:amq.gen-1");
        to.anonymous = true;
        assert_eq!(route(&from, &to), "aws_sqs:orders -> rabbitmq");
    }

    #[test]
    fn every_propagation_field_is_taken_off() {
        let mut headers: Headers = [("Traceparent", "1"), ("tenant", "acme"), ("baggage", "a=1")]
            .into_iter()
            .collect();
        headers.append("traceparent", "2");
        strip(&mut headers, &tracehop_propagation::Composite::default());
        let expected: Headers = [("tenant", "acme")].into_iter().collect();
        assert_eq!(headers, expected);
    }
}
