use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use opentelemetry::KeyValue;

use super::guarded;
use super::interned::{Interned, Repeated};
use super::names::{self, Op};
use super::options::Options;
use super::propagator::Propagator;
use crate::contract::{Destination, System};

/// What spans and metrics say of one destination, built once.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Kept, so that no other destination comes to lie at the address it is known by.
    pub(super) destination: Arc<Destination>,
    /// Whether the destination passes the filter.
    pub(super) enabled: bool,
    /// System and destination, for the metrics that have no operation.
    pub(super) metric: Vec<KeyValue>,
    /// Its own formats, if it has some.
    pub(super) formats: Option<Propagator>,
    template: Option<String>,
    operations: [OnceLock<Operation>; Op::COUNT],
}

/// What spans and metrics say of one operation on one destination.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) span_name: Interned,
    /// What samplers see.
    pub(super) start: Vec<Repeated>,
    /// What is added to a span that is recorded.
    pub(super) recorded: Vec<Repeated>,
    pub(super) metric: Vec<KeyValue>,
}

impl Prepared {
    fn new(destination: &Arc<Destination>, options: &Options) -> Self {
        let template = guarded(|| (options.template)(destination)).flatten();
        let template = template.or_else(|| destination.template.clone());
        let formats = options.formats.as_ref();
        let formats = formats.and_then(|formats| guarded(|| formats(destination)).flatten());
        let mut prepared = Self {
            destination: Arc::clone(destination),
            enabled: guarded(|| (options.filter)(destination)).unwrap_or_default(),
            metric: Vec::new(),
            formats: formats.map(Propagator::ours),
            template,
            operations: [const { OnceLock::new() }; Op::COUNT],
        };
        prepared.metric = prepared.metric_attributes();
        prepared
    }

    pub(super) fn operation(&self, op: Op) -> &Operation {
        self.operations[op.index()].get_or_init(|| self.prepare(op))
    }

    pub(super) fn system(&self) -> System {
        self.destination.system
    }

    fn prepare(&self, op: Op) -> Operation {
        let name = op.name(self.system());
        let mut operation = vec![Repeated::text(names::OPERATION_NAME, name)];
        if let Some(operation_type) = op.operation_type() {
            operation.push(Repeated::text(names::OPERATION_TYPE, operation_type));
        }
        let group = op
            .consumes()
            .then_some(self.destination.consumer_group.as_deref())
            .flatten()
            .map(|group| Repeated::text(names::CONSUMER_GROUP, group));
        Operation {
            span_name: match self.span_name_destination() {
                Some(destination) => Interned::new(&format!("{name} {destination}")),
                None => Interned::new(name),
            },
            start: [operation.clone(), self.start_attributes()].concat(),
            recorded: group
                .iter()
                .cloned()
                .chain(self.recorded_attributes())
                .collect(),
            metric: operation
                .iter()
                .chain(&group)
                .map(KeyValue::from)
                .chain(self.metric.iter().cloned())
                .collect(),
        }
    }

    fn low_cardinality_name(&self) -> Option<&str> {
        self.template
            .as_deref()
            .or_else(|| self.destination.low_cardinality_name())
    }

    /// `{destination}` of the span name: the template, else a name that lasts, else the server
    /// where there is no destination at all.
    fn span_name_destination(&self) -> Option<String> {
        if let Some(name) = self.low_cardinality_name() {
            return Some(name.to_owned());
        }
        let server = self.destination.server.as_ref();
        let server = server.filter(|_| self.destination.name.is_empty())?;
        Some(match server.port {
            Some(port) => format!("{}:{port}", server.address),
            None => server.address.clone(),
        })
    }

    fn start_attributes(&self) -> Vec<Repeated> {
        let destination = &self.destination;
        let mut attributes = vec![Repeated::text(names::SYSTEM, destination.system.as_str())];
        if !destination.name.is_empty() {
            attributes.push(Repeated::text(names::DESTINATION_NAME, &destination.name));
        }
        if let Some(template) = &self.template {
            attributes.push(Repeated::text(names::DESTINATION_TEMPLATE, template));
        }
        attributes.extend(self.server_attributes());
        attributes
    }

    fn recorded_attributes(&self) -> Vec<Repeated> {
        let destination = &self.destination;
        let mut attributes = Vec::new();
        if destination.anonymous {
            attributes.push(Repeated::Flag(names::DESTINATION_ANONYMOUS, true));
        }
        if destination.temporary {
            attributes.push(Repeated::Flag(names::DESTINATION_TEMPORARY, true));
        }
        let resource = destination.resource.as_deref();
        match (destination.system, resource, &destination.routing_key) {
            (System::AwsSqs, Some(url), _) => {
                attributes.push(Repeated::text(names::SQS_QUEUE_URL, url));
            }
            (System::AwsSns, Some(arn), _) => {
                attributes.push(Repeated::text(names::SNS_TOPIC_ARN, arn));
            }
            (System::RabbitMq, _, Some(key)) if !key.is_empty() => {
                attributes.push(Repeated::text(names::RABBITMQ_ROUTING_KEY, key));
            }
            _ => {}
        }
        attributes
    }

    fn metric_attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![Repeated::text(names::SYSTEM, self.system().as_str())];
        if let Some(template) = &self.template {
            attributes.push(Repeated::text(names::DESTINATION_TEMPLATE, template));
        } else if let Some(name) = self.low_cardinality_name() {
            attributes.push(Repeated::text(names::DESTINATION_NAME, name));
        }
        attributes.extend(self.server_attributes());
        attributes.iter().map(KeyValue::from).collect()
    }

    fn server_attributes(&self) -> Vec<Repeated> {
        let Some(server) = &self.destination.server else {
            return Vec::new();
        };
        let address = Repeated::text(names::SERVER_ADDRESS, &server.address);
        let port = server.port;
        let port = port.map(|port| Repeated::Number(names::SERVER_PORT, i64::from(port)));
        std::iter::once(address).chain(port).collect()
    }
}

/// The destinations seen so far, in the order of their addresses, by which they are known: they
/// are few, and looked up for every message.
#[derive(Debug, Default)]
pub(super) struct Destinations(RwLock<Vec<(usize, Arc<Prepared>)>>);

impl Destinations {
    /// Beyond this many, all are forgotten and prepared again as they are met.
    const MOST: usize = 4096;

    pub(super) fn get(&self, destination: &Arc<Destination>, options: &Options) -> Arc<Prepared> {
        let address = Arc::as_ptr(destination).addr();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Ok(place) = known.binary_search_by_key(&address, |(address, _)| *address) {
            return Arc::clone(&known[place].1);
        }
        drop(known);
        let prepared = Arc::new(Prepared::new(destination, options));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        match known.binary_search_by_key(&address, |(address, _)| *address) {
            Ok(place) => Arc::clone(&known[place].1),
            Err(place) => {
                known.insert(place, (address, Arc::clone(&prepared)));
                prepared
            }
        }
    }
}
