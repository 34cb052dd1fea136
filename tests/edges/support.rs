use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, Request, ResponseExt};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tracehop_propagation::Composite;

use super::common;
use super::otlp::OtlpReceiver;

/// Longer than anything takes that is not wrong.
const LIMIT: Duration = Duration::from_mins(1);

/// What the example tells of each visit.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Visit {
    pub(crate) edge: String,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) baggage: BTreeMap<String, String>,
}

/// The example as a process of its own, which serves until it is dropped.
pub(crate) struct Edges {
    /// What can be called: gRPC, the queues, and REST as the last.
    pub(crate) urls: Vec<String>,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Edges {
    pub(crate) async fn serve(mut command: Command) -> Self {
        let mut process = command.args(["--serve", "127.0.0.1:0"]).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        Self {
            urls: urls(&first),
            lines,
            _process: process,
        }
    }

    /// Sends a request to REST, with what `cx` holds in `formats`.
    pub(crate) async fn post(&self, stops: &Value, cx: &Context, formats: &Composite) {
        let mut fields = HashMap::new();
        formats.inject_context(cx, &mut fields);
        let mut request = Request::post(self.urls.last().unwrap());
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(stops.to_string())).unwrap();
        let client = HyperClient::with_default_connector(LIMIT, None);
        let answer = client.send_bytes(request).await.unwrap();
        answer.error_for_status().unwrap();
    }

    pub(crate) async fn visits(&mut self, count: usize) -> Vec<Visit> {
        let mut visits: Vec<Visit> = Vec::new();
        while visits.len() < count {
            let line = timeout(LIMIT, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("{} of {count}: {visits:#?}", visits.len()));
            visits.push(serde_json::from_str(&line.unwrap().unwrap()).unwrap());
        }
        visits
    }
}

/// What the first line of the example names.
pub(crate) fn urls(line: &str) -> Vec<String> {
    let told: Value = serde_json::from_str(line).unwrap();
    serde_json::from_value(told["edges"].clone()).unwrap()
}

/// The example, with these formats and no queue but its own.
pub(crate) fn example(formats: &str, spans: &OtlpReceiver) -> Command {
    let mut command = common::example::example("edges");
    command
        .env("OTEL_PROPAGATORS", formats)
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .envs(spans.variables())
        .env_remove("QUEUE_URL")
        .env_remove("TOPIC")
        .env_remove("QUEUE");
    command
}
