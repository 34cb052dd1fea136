//! Every format at once: more fields than SQS has places. What goes out and what is left out, in the
//! order that the README names, on the in-process endpoint and on LocalStack.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry::{Context, KeyValue};
use tracehop::sqs::TraceInterceptor;
use tracehop::testing::Recorder;
use tracehop::testing::sqs::SqsEndpoint;
use tracehop_propagation::Composite;

use crate::common;
use crate::support::{same, text, trace_header};

const FORMATS: &str = "tracecontext,baggage,b3,b3multi,jaeger,xray,datadog,gcp,sentry";

const CUSTOMARY: usize = 262_144;

/// What goes first comes last.
const PARENT: [&str; 1] = ["traceparent"];
const OTHER_FORMATS: [&str; 8] = [
    "b3",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "uber-trace-id",
    "x-cloud-trace-context",
    "sentry-trace",
    "_datadog",
];
const STATE: [&str; 1] = ["tracestate"];

/// A queue of every format, and who sends to it.
struct Every {
    recorder: Recorder,
    client: Client,
    name: String,
    url: String,
    /// Kept running, where it is ours.
    endpoint: Option<SqsEndpoint>,
}

impl Every {
    async fn in_process() -> Self {
        let endpoint = SqsEndpoint::start().await;
        let mut every = Self::at(&endpoint.url()).await;
        every.endpoint = Some(endpoint);
        every
    }

    /// `None` where there is no LocalStack.
    async fn localstack() -> Option<Self> {
        Some(Self::at(&common::localstack()?).await)
    }

    async fn at(url: &str) -> Self {
        let recorder = Recorder::new();
        let formats = Composite::from_names(FORMATS);
        let instrumentation = recorder.builder().propagator(formats).build();
        let interceptor = TraceInterceptor::with(instrumentation);
        let config = common::sqs_config(url).interceptor(interceptor);
        let client = Client::from_conf(config.build());
        let name = common::unique("every");
        let created = client.create_queue().queue_name(&name).send().await;
        Self {
            recorder,
            client,
            name,
            url: created.unwrap().queue_url.unwrap(),
            endpoint: None,
        }
    }

    /// Sends a message with so many attributes of the user's, and receives it.
    async fn crossed(&self, attributes: usize, body: &str) -> (SpanContext, Message) {
        self.recorder.forget_spans();
        let mut send = self.client.send_message().queue_url(&self.url);
        for index in 0..attributes {
            send = send.message_attributes(format!("user-{index}"), text("kept"));
        }
        let sent = send.message_body(body).send().with_context(caller()).await;
        sent.unwrap();
        let receive = self.client.receive_message().queue_url(&self.url);
        let receive = receive.message_attribute_names("All").wait_time_seconds(5);
        let message = receive.send().await.unwrap().messages.unwrap().remove(0);
        let receipt = message.receipt_handle().unwrap();
        let delete = self.client.delete_message().queue_url(&self.url);
        delete.receipt_handle(receipt).send().await.unwrap();
        let span = self.recorder.span(&format!("send {}", self.name));
        (span.span_context, message)
    }

    /// The fields that were left out until now, with the reason, and how often.
    fn dropped(&self) -> BTreeMap<(String, String), f64> {
        let series = self.recorder.metric("tracehop.propagation.dropped");
        let series = series.into_iter().map(|mut series| {
            let mut said = |key: &str| series.attributes.remove(key).unwrap();
            let dropped = (said("tracehop.field"), said("tracehop.reason"));
            (dropped, series.value)
        });
        series.collect()
    }

    /// What is expected on a message with so many attributes of the user's, and of what is not.
    async fn check(&self, attributes: usize, kept: &[&str], left_out: &[(&str, f64)]) {
        let before = self.dropped();
        let (sent, message) = self.crossed(attributes, "order 7").await;
        let mut names: Vec<String> = fields(&message).keys().cloned().collect();
        names.retain(|name| !name.starts_with("user-"));
        let mut kept: Vec<_> = kept.to_vec();
        kept.sort_unstable();
        assert_eq!(names, kept, "beside {attributes} of the user's");
        let users = fields(&message).len() - names.len();
        assert_eq!(users, attributes, "an attribute of the user's is missing");

        let mut left: BTreeMap<_, _> = self.dropped();
        for (field, count) in &before {
            *left.get_mut(field).unwrap() -= count;
        }
        left.retain(|_, count| *count > 0.0);
        let expected = left_out.iter().map(|(field, count)| {
            let dropped = ((*field).to_owned(), "slots".to_owned());
            (dropped, *count)
        });
        assert_eq!(
            left,
            expected.collect(),
            "beside {attributes} of the user's"
        );
        assert_reads(&message, &sent);
    }
}

/// A remote parent with state, and two members of baggage.
fn caller() -> Context {
    let state = TraceState::from_key_value([("congo", "t61rcWkgMzE")]).unwrap();
    let parent = SpanContext::new(7.into(), 7.into(), TraceFlags::SAMPLED, true, state);
    Context::new()
        .with_remote_span_context(parent)
        .with_baggage([
            KeyValue::new("tenant", "acme"),
            KeyValue::new("plan", "gold"),
        ])
}

fn fields(message: &Message) -> BTreeMap<String, MessageAttributeValue> {
    message
        .message_attributes
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Whatever formats are on the message, each of them says the same; `AWSTraceHeader` always does.
fn assert_reads(message: &Message, sent: &SpanContext) {
    let header = &message.attributes().unwrap()[&MessageSystemAttributeName::AwsTraceHeader];
    assert_eq!(*header, trace_header(sent));
    let fields = fields(message);
    for (format, field) in [
        ("tracecontext", "traceparent"),
        ("b3", "b3"),
        ("b3multi", "x-b3-traceid"),
        ("jaeger", "uber-trace-id"),
        ("datadog", "_datadog"),
        ("gcp", "x-cloud-trace-context"),
        ("sentry", "sentry-trace"),
    ] {
        let found = tracehop_sqs::extract_reported(&Composite::from_names(format), message);
        let read = found.context.span().span_context().clone();
        // Both formats of B3 read both encodings.
        let is_written =
            fields.contains_key(field) || format.starts_with("b3") && fields.contains_key("b3");
        let by = is_written.then_some(format);
        assert_eq!(
            found.format.filter(|format| *format != "xray"),
            by,
            "{format}"
        );
        assert!(same(&read, sent), "{format}: {read:?}");
    }
}

/// The first fields of the order, and how often each of the others was dropped.
async fn what_finds_no_place_is_left_out_in_the_order_of_the_documentation(every: &Every) {
    let all = [&PARENT[..], &OTHER_FORMATS, &STATE].concat();
    every
        .check(0, &all, &[("baggage", 1.0), ("uberctx-*", 2.0)])
        .await;
    let without_state = [&PARENT[..], &OTHER_FORMATS].concat();
    let baggage = [("baggage", 1.0), ("uberctx-*", 2.0)];
    every
        .check(
            1,
            &without_state,
            &[&baggage[..], &[("tracestate", 1.0)]].concat(),
        )
        .await;
    // The three fields of B3 in several headers go together.
    let some = ["traceparent", "b3"];
    let dropped = [
        ("_datadog", 1.0),
        ("baggage", 1.0),
        ("ot-baggage-*", 1.0),
        ("sentry-trace", 1.0),
        ("tracestate", 1.0),
        ("uber-trace-id", 1.0),
        ("uberctx-*", 2.0),
        ("x-b3-sampled", 1.0),
        ("x-b3-spanid", 1.0),
        ("x-b3-traceid", 1.0),
        ("x-cloud-trace-context", 1.0),
    ];
    every.check(7, &some, &dropped).await;
    every
        .check(9, &PARENT, &[&[("b3", 1.0)], &dropped[..]].concat())
        .await;
    every
        .check(
            10,
            &[],
            &[&[("b3", 1.0), ("traceparent", 1.0)], &dropped[..]].concat(),
        )
        .await;
}

/// A body that leaves so many bytes below the customary limit.
async fn the_limit_of_bytes_holds(every: &Every) {
    for free in [0, 60, 200, 400, 700, 2_000] {
        let body = "x".repeat(CUSTOMARY - free);
        let (sent, message) = every.crossed(0, &body).await;
        let bytes: usize = fields(&message)
            .iter()
            .map(|(name, value)| {
                name.len() + value.data_type().len() + value.string_value().unwrap().len()
            })
            .sum();
        assert!(bytes <= free, "{bytes} where {free} are free");
        assert!(message.body() == Some(&*body), "the body came changed");
        assert_reads(&message, &sent);
        let has = |field: &str| fields(&message).contains_key(field);
        assert_eq!(has("traceparent"), free >= 72, "{free} bytes are free");
        assert_eq!(has("tracestate"), free >= 700, "{free} bytes are free");
    }
    let reasons: Vec<_> = every
        .dropped()
        .into_keys()
        .filter(|(_, reason)| reason == "bytes")
        .collect();
    let of = |field: &str| (field.to_owned(), "bytes".to_owned());
    assert!(
        reasons.contains(&of("traceparent")) && reasons.contains(&of("tracestate")),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn every_format_at_once_fits() {
    let every = Every::in_process().await;
    what_finds_no_place_is_left_out_in_the_order_of_the_documentation(&every).await;
    the_limit_of_bytes_holds(&every).await;
}

#[tokio::test]
async fn every_format_at_once_fits_on_localstack() {
    let Some(every) = Every::localstack().await else {
        return;
    };
    what_finds_no_place_is_left_out_in_the_order_of_the_documentation(&every).await;
    the_limit_of_bytes_holds(&every).await;
}
