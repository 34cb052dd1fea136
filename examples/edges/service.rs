use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tracehop_propagation::baggage_members;

use super::queues::Sinks;
use super::{Result, grpc, rest};

/// What all edges lead to.
#[derive(Clone)]
pub(crate) struct Service {
    rest: rest::Client,
    queues: Arc<Sinks>,
    visits: UnboundedSender<Visit>,
}

/// Where a request goes on to, and the request there.
#[derive(Deserialize)]
struct Stop {
    url: String,
    arguments: Value,
}

/// What was current when a request was handled.
#[derive(Serialize)]
pub(crate) struct Visit {
    edge: String,
    pub(crate) trace_id: String,
    span_id: String,
    pub(crate) baggage: BTreeMap<String, String>,
}

impl Service {
    pub(crate) fn new(queues: Sinks, visits: UnboundedSender<Visit>) -> Self {
        Self {
            rest: rest::Client::default(),
            queues: Arc::new(queues),
            visits,
        }
    }

    /// Handles a request that came over `edge`: tells that it was here, and calls each stop.
    pub(crate) async fn handle(&self, edge: &str, request: &[u8]) -> Result<()> {
        let stops: Vec<Stop> = serde_json::from_slice(request)?;
        self.visits.send(Visit::now(edge))?;
        for Stop { url, arguments } in stops {
            let request = arguments.to_string();
            match url.split_once(':') {
                Some(("http", _)) => self.rest.post(&url, request).await?,
                Some(("grpc", address)) => grpc::call(address, request).await?,
                Some(("queue", name)) => self.queues.send(name, request).await?,
                _ => return Err(format!("{url}: neither http nor grpc nor queue").into()),
            }
        }
        Ok(())
    }
}

impl Visit {
    fn now(edge: &str) -> Self {
        let cx = Context::current();
        let span = cx.span().span_context().clone();
        let members = baggage_members(&cx);
        Self {
            edge: edge.to_owned(),
            trace_id: span.trace_id().to_string(),
            span_id: span.span_id().to_string(),
            baggage: members
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}
