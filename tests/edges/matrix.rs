use std::collections::{BTreeMap, BTreeSet, HashMap};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use tokio::process::Command;
use tracehop::testing::sqs::{Action, SqsEndpoint};
use tracehop_propagation::Composite;

use super::common::example::on_sqs;
use super::common::spans::sender;
use super::otlp::{Arrived, OtlpReceiver, attribute, hex};
use super::support::{Edges, Visit, example};
use super::{brokers, common};

/// What each list of formats writes on an SQS message besides `AWSTraceHeader`, which is what X-Ray
/// has there.
const FORMATS: [(&str, &[&str]); 9] = [
    ("tracecontext,baggage", &["traceparent", "baggage"]),
    ("xray,baggage", &["baggage"]),
    ("datadog", &["_datadog"]),
    ("b3,baggage", &["b3", "baggage"]),
    ("b3multi,baggage", &["x-b3-traceid", "baggage"]),
    ("jaeger", &["uber-trace-id", "uberctx-tenant"]),
    ("gcp,baggage", &["x-cloud-trace-context", "baggage"]),
    ("sentry,baggage", &["sentry-trace", "baggage"]),
    (
        "tracecontext,baggage,xray,datadog,b3,b3multi,jaeger,gcp,sentry",
        &["traceparent", "baggage"],
    ),
];

const MEMBERS: [(&str, &str); 2] = [("tenant", "Café & co, 100%"), ("plan", "free=yes")];

#[tokio::test]
async fn each_way_in_leads_on_to_each_way_out_in_each_format() {
    let sqs = SqsEndpoint::start().await;
    for (formats, fields) in FORMATS {
        let queue = sqs.queue(common::unique("edges")).create();
        let spans = OtlpReceiver::start().await;
        let mut service = example(formats, &spans);
        on_sqs(&mut service, &sqs.url(), &queue);
        sqs.forget_requests();
        walk(service, &spans, formats).await;

        let sends = sqs.requests().into_iter();
        let sends = sends.filter(|request| request.action() == Action::SendMessageBatch);
        for entry in sends.flat_map(|send| send.json()["Entries"].as_array().unwrap().clone()) {
            for field in fields {
                let written = &entry["MessageAttributes"][field]["StringValue"];
                assert!(written.is_string(), "{formats}: no {field} in {entry}");
            }
        }
    }
}

#[tokio::test]
async fn each_way_in_leads_on_to_each_way_out_over_real_brokers() {
    for (formats, _) in FORMATS {
        let spans = OtlpReceiver::start().await;
        let mut service = example(formats, &spans);
        if brokers::name_queues(&mut service).await {
            walk(service, &spans, formats).await;
        }
    }
}

/// One request walks from REST to every edge, from there to every edge, and back to REST.
async fn walk(service: Command, receiver: &OtlpReceiver, formats: &str) {
    let mut edges = Edges::serve(service).await;
    let urls = edges.urls.clone();
    let call = |url: &str, then: &Value| json!({ "url": url, "arguments": then });
    let back: Value = [call(urls.last().unwrap(), &json!([]))].into();
    let second: Value = urls.iter().map(|url| call(url, &back)).collect();
    let first: Value = urls.iter().map(|url| call(url, &second)).collect();
    let count = urls.len();

    let caller = sender();
    let members = MEMBERS.map(|(key, value)| KeyValue::new(key, value));
    let cx = Context::new()
        .with_remote_span_context(caller.clone())
        .with_baggage(members);
    edges
        .post(&first, &cx, &Composite::from_names(formats))
        .await;
    let visits = edges.visits(1 + count + 2 * count * count).await;

    let expected: BTreeMap<_, _> = MEMBERS
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    for visit in &visits {
        assert_eq!(
            visit.trace_id,
            caller.trace_id().to_string(),
            "{formats}: {visit:?}"
        );
        assert_eq!(visit.baggage, expected, "{formats}: {visit:?}");
    }
    let of_trace = |spans: &[Arrived]| -> HashMap<String, Arrived> {
        let spans = spans.iter().cloned();
        let spans = spans.filter(|span| span.trace_id() == caller.trace_id().to_string());
        spans.map(|span| (span.span_id(), span)).collect()
    };
    // A span for each call, and one for each visit.
    let complete = 2 * visits.len() - 1;
    let arrived = receiver.wait_for(|spans| of_trace(spans).len() >= complete);
    let spans = of_trace(&arrived.await);
    assert_eq!(spans.len(), complete, "{formats}");

    let mut ways = BTreeSet::new();
    let by_span: HashMap<_, _> = visits.iter().map(|visit| (&visit.span_id, visit)).collect();
    for visit in &visits {
        let handled = &spans[&visit.span_id];
        if handled.parent_span_id() == caller.span_id().to_string() {
            assert_eq!(visit.edge, "rest", "{formats}");
            continue;
        }
        let calling = &spans[&handled.parent_span_id()];
        assert_kinds(visit, calling, handled);
        let from = by_span[&calling.parent_span_id()];
        ways.insert((from.edge.as_str(), visit.edge.as_str()));
    }
    let edges: BTreeSet<_> = visits.iter().map(|visit| visit.edge.as_str()).collect();
    assert_eq!(edges.len(), count, "{formats}: {edges:?}");
    let every = edges
        .iter()
        .flat_map(|from| edges.iter().map(|to| (*from, *to)));
    assert_eq!(ways, every.collect(), "{formats}");
}

/// The span of a call is the parent of the one that handles it; that of a message is linked, too.
fn assert_kinds(visit: &Visit, calling: &Arrived, handled: &Arrived) {
    let kinds = (calling.span.kind, handled.span.kind);
    if visit.edge.starts_with("queue:") {
        let expected = (SpanKind::Producer as i32, SpanKind::Consumer as i32);
        assert_eq!(kinds, expected, "{visit:?}");
        let link = &handled.span.links[0];
        assert_eq!(hex(&link.span_id), calling.span_id(), "{visit:?}");
        let link_type = attribute(&link.attributes, "tracehop.link.type");
        assert_eq!(link_type.as_deref(), Some("creation"), "{visit:?}");
    } else {
        let expected = (SpanKind::Client as i32, SpanKind::Server as i32);
        assert_eq!(kinds, expected, "{visit:?}");
        assert_eq!(handled.span.links, [], "{visit:?}");
    }
}
