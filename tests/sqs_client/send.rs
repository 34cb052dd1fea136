//! `SendMessage`.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt as _};
use opentelemetry_sdk::trace::Sampler;
use tracehop::testing::Recorder;
use tracehop::testing::sqs::{Action, Fault};

use crate::support::{Traced, attribute, attributes, sent, sent_header, trace_header, traceparent};

#[tokio::test]
async fn a_send_is_a_producer_span_and_its_context_goes_out() {
    let traced = Traced::new().await;
    let before = SystemTime::now();
    traced.in_caller(traced.send("order 7")).await;

    let (caller, span) = (
        traced.recorder.span("caller"),
        traced.recorder.span("send orders"),
    );
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    assert_eq!(span.span_context.trace_id(), caller.span_context.trace_id());
    assert_eq!((span.links.len(), &span.status), (0, &Status::Unset));
    assert!(before <= span.start_time && span.start_time < span.end_time);

    let request = traced.request();
    assert_eq!(
        sent(&request, "traceparent"),
        Some(traceparent(&span.span_context))
    );
    assert_eq!(
        sent_header(&request),
        Some(trace_header(&span.span_context))
    );
    assert_eq!(request["MessageAttributes"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_send_span_says_what_the_conventions_ask_for() {
    let traced = Traced::new().await;
    traced.send("order 7").await;
    let message = traced.receive().await.remove(0);

    let mut attributes = attributes(&traced.recorder.span("send orders"));
    let port = traced.url.rsplit_once("127.0.0.1:").unwrap().1;
    let port = port.split('/').next().unwrap();
    let expected = [
        ("messaging.system", "aws_sqs"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "orders"),
        ("messaging.message.id", message.message_id().unwrap()),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
        ("aws.sqs.queue.url", &traced.url),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert!(attributes.remove("aws.request_id").is_some());
    assert_eq!(attributes, expected.into());
}

#[tokio::test]
async fn baggage_goes_out_with_the_context() {
    let traced = Traced::new().await;
    let baggage = [opentelemetry::KeyValue::new("tenant", "Café")];
    let cx = Context::new().with_baggage(baggage);
    traced.in_context(cx, traced.send("order 7")).await;
    assert_eq!(
        sent(&traced.request(), "baggage").as_deref(),
        Some("tenant=Caf%C3%A9")
    );
}

#[tokio::test]
async fn an_unsampled_context_goes_out_as_such() {
    let recorder = Recorder::with_sampler(Sampler::AlwaysOff);
    let instrumentation = recorder.instrumentation();
    let traced = Traced::on(recorder, instrumentation).await;
    traced.send("order 7").await;
    assert!(
        sent(&traced.request(), "traceparent")
            .unwrap()
            .ends_with("-00")
    );
    assert!(
        sent_header(&traced.request())
            .unwrap()
            .ends_with(";Sampled=0")
    );
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn the_trace_header_can_be_switched_off() {
    let traced = Traced::with(|builder| builder.aws_trace_header(false)).await;
    traced.send("order 7").await;
    assert!(sent(&traced.request(), "traceparent").is_some());
    assert_eq!(sent_header(&traced.request()), None);
}

#[tokio::test]
async fn a_retried_send_is_one_span_and_one_context() {
    let traced = Traced::new().await;
    let faults = traced.sqs.faults();
    faults
        .on(Action::SendMessage)
        .next(2, Fault::RequestThrottled);
    traced.send("order 7").await;

    let span = traced.recorder.span("send orders");
    assert_eq!(
        (&span.status, attribute(&span, "error.type")),
        (&Status::Unset, None)
    );
    let requests = traced.sqs.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        let traceparent = sent(&request.json(), "traceparent");
        assert_eq!(traceparent, Some(self::traceparent(&span.span_context)));
    }
    let sent_messages = "messaging.client.sent.messages";
    assert_eq!(traced.recorder.total(sent_messages, &[]), Some(1.0));
    assert_eq!(
        traced.recorder.total("tracehop.propagation.injected", &[]),
        Some(1.0)
    );
}

#[tokio::test]
async fn a_dropped_send_ends_as_cancelled() {
    let traced = Traced::new().await;
    traced
        .sqs
        .faults()
        .on(Action::SendMessage)
        .always(Fault::Hang);
    traced
        .drop_at(Action::SendMessage, traced.send("order 7"))
        .await;

    let span = traced.recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("cancelled"));
    assert!(matches!(span.status, Status::Error { .. }));
}

#[tokio::test]
async fn calls_at_the_same_time_do_not_mix() {
    let traced = Traced::new().await;
    let calls = (0..20).map(|order| {
        let traced = &traced;
        async move {
            let body = format!("order {order}");
            traced.in_caller(traced.send(&body)).await;
        }
    });
    futures_util::future::join_all(calls).await;

    let spans = traced.recorder.spans();
    for request in traced.sqs.requests() {
        let traceparent = sent(&request.json(), "traceparent").unwrap();
        let of_request = |span: &&opentelemetry_sdk::trace::SpanData| {
            self::traceparent(&span.span_context) == traceparent
        };
        assert_eq!(spans.iter().filter(of_request).count(), 1);
    }
    let parents: std::collections::HashSet<_> = (spans.iter())
        .filter(|span| span.name == "send orders")
        .map(|span| span.parent_span_id)
        .collect();
    assert_eq!(parents.len(), 20);
}

#[tokio::test]
async fn a_client_with_two_interceptors_is_traced_once() {
    let traced = Traced::new().await;
    let again = tracehop::sqs::TraceInterceptor::with(traced.recorder.instrumentation());
    let send = traced.client.send_message().queue_url(&traced.url);
    let send = send.message_body("order 7").customize().interceptor(again);
    send.send().await.unwrap();
    assert_eq!(traced.names(), ["send orders"]);
}

/// Keeps the span that is current where the SDK sends its requests.
#[derive(Clone, Debug, Default)]
struct Inside(Arc<Mutex<Vec<SpanId>>>);

#[dyn_dispatch_hint]
impl Intercept for Inside {
    fn name(&self) -> &'static str {
        "Inside"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let current = Context::current().span().span_context().span_id();
        self.0.lock().unwrap().push(current);
        Ok(())
    }
}

#[tokio::test]
async fn a_send_span_is_not_current_inside_the_sdk() {
    let traced = Traced::new().await;
    let inside = Inside::default();
    let send = traced.client.send_message().queue_url(&traced.url);
    let send = send.message_body("order 7").customize();
    let send = send.interceptor(inside.clone()).send();
    traced.in_caller(send).await.unwrap();
    let caller = traced.recorder.span("caller").span_context.span_id();
    assert_eq!(*inside.0.lock().unwrap(), [caller]);
}
