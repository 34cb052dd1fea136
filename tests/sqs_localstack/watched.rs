use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;

use super::otlp::{Arrived, OtlpReceiver, attribute, hex};
use super::{common, support};

/// The spans of a producer and of a worker, as they arrive at an OTLP endpoint from processes of
/// their own.
#[tokio::test]
async fn what_arrives_over_otlp_shows_the_whole_way() {
    let Some(url) = common::localstack() else {
        return;
    };
    let receiver = OtlpReceiver::start().await;
    let client = support::client(&url);
    let queue = support::queue(&client, 30).await;

    let mut sender = support::example("sqs_send", &url, &queue);
    let sender = traced(&mut sender, &receiver, "shop");
    let sent = sender
        .env("COUNT", "1")
        .env("BAGGAGE", "tenant=acme")
        .output()
        .await
        .unwrap();
    assert!(sent.status.success());
    let trace_id = String::from_utf8(sent.stdout).unwrap().trim().to_owned();

    let mut worker = support::example("sqs_worker", &url, &queue);
    let worker = traced(&mut worker, &receiver, "shipping");
    let output = worker.env("MAX_MESSAGES", "1").output().await.unwrap();
    assert!(output.status.success());
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();

    let spans = receiver
        .wait_for(|spans| named(spans, "process").is_some() && named(spans, "create").is_some())
        .await;
    let create = named(&spans, "create").unwrap();
    let process = named(&spans, "process").unwrap();
    let name = queue.rsplit('/').next().unwrap();

    assert_eq!(
        (create.service(), process.service()),
        ("shop".to_owned(), "shipping".to_owned())
    );
    assert_eq!(create.span.name, format!("create {name}"));
    assert_eq!(process.span.name, format!("process {name}"));
    assert_eq!(create.span.kind, SpanKind::Producer as i32);
    assert_eq!(process.span.kind, SpanKind::Consumer as i32);
    for span in [create, process] {
        assert_eq!(span.trace_id(), trace_id);
        assert_eq!(
            span.attribute("messaging.system").as_deref(),
            Some("aws_sqs")
        );
        assert_eq!(
            span.attribute("messaging.destination.name").as_deref(),
            Some(name)
        );
    }
    assert_eq!(process.parent_span_id(), create.span_id());
    assert_eq!(
        process.attribute("tracehop.settlement").as_deref(),
        Some("ack")
    );
    let link = &process.span.links[0];
    assert_eq!(hex(&link.span_id), create.span_id());
    assert_eq!(
        attribute(&link.attributes, "tracehop.link.type").as_deref(),
        Some("creation")
    );

    // What the handler saw is what arrived.
    assert_eq!(seen["trace_id"], trace_id);
    assert_eq!(seen["span_id"], process.span_id());
    assert_eq!(seen["parent_span_id"], create.span_id());
    assert_eq!(seen["links"][0]["span_id"], create.span_id());
    assert_eq!(seen["baggage"]["tenant"], "acme");

    // The send links to the message that it carried, and so does the delete.
    for operation in ["send", "delete"] {
        let span = named(&spans, operation).unwrap();
        assert_eq!(span.span.kind, SpanKind::Client as i32, "{operation}");
        assert_eq!(
            hex(&span.span.links[0].span_id),
            create.span_id(),
            "{operation}"
        );
    }
    let metrics = receiver.metric_names();
    for metric in [
        "messaging.client.sent.messages",
        "messaging.client.consumed.messages",
        "messaging.client.operation.duration",
        "messaging.process.duration",
        "tracehop.message.queue_time",
    ] {
        assert!(
            metrics.iter().any(|name| name == metric),
            "{metric} in {metrics:?}"
        );
    }
}

fn traced<'a>(
    command: &'a mut tokio::process::Command,
    receiver: &OtlpReceiver,
    service: &str,
) -> &'a mut tokio::process::Command {
    command
        .env("OTEL_SERVICE_NAME", service)
        .envs(receiver.variables())
}

fn named<'a>(spans: &'a [Arrived], operation: &str) -> Option<&'a Arrived> {
    spans.iter().find(|arrived| {
        let name = arrived.attribute("messaging.operation.name");
        name.as_deref() == Some(operation)
    })
}
