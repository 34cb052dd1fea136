//! `PublishBatch`.

use aws_sdk_sns::types::PublishBatchRequestEntry;
use opentelemetry::trace::{SpanKind, Status};

use crate::support::{Answer, TOPIC, Traced, attributes, trace_header, traceparent};

const HALF: Answer = Answer(
    200,
    "<PublishBatchResponse><PublishBatchResult>\
     <Successful><member><Id>a</Id><MessageId>m-1</MessageId></member></Successful>\
     <Failed><member><Id>b</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member>\
     </Failed></PublishBatchResult></PublishBatchResponse>",
);

async fn publish_two(traced: &Traced, structure: Option<&str>) {
    let entry = |id: &str| {
        let entry = PublishBatchRequestEntry::builder()
            .id(id)
            .message(r#"{"default":"7"}"#);
        entry
            .set_message_structure(structure.map(ToOwned::to_owned))
            .build()
            .unwrap()
    };
    let publish = traced.client.publish_batch().topic_arn(TOPIC);
    let publish = publish.publish_batch_request_entries(entry("a"));
    let publish = publish.publish_batch_request_entries(entry("b"));
    publish.send().await.unwrap();
}

fn entry_prefix(position: usize) -> String {
    format!("PublishBatchRequestEntries.member.{position}.")
}

#[tokio::test]
async fn each_message_of_a_batch_has_a_create_span_and_the_failed_one_says_so() {
    let traced = Traced::new(&[HALF]);
    publish_two(&traced, None).await;

    let spans = traced.recorder.spans();
    let publish = traced.recorder.span("publish orders");
    assert_eq!(
        (&publish.span_kind, publish.links.len()),
        (&SpanKind::Client, 2)
    );
    assert_eq!(attributes(&publish)["messaging.batch.message_count"], "2");
    assert_eq!(attributes(&publish)["tracehop.batch.failed_count"], "1");
    assert_eq!(attributes(&publish)["error.type"], "InternalError");
    let request = traced.request();
    assert_eq!(
        request.trace_header,
        Some(trace_header(&publish.span_context))
    );

    for (position, failed) in [(1, false), (2, true)] {
        let carried = &request.attributes(&entry_prefix(position))["traceparent"];
        let create = spans
            .iter()
            .find(|span| traceparent(&span.span_context) == *carried);
        let create = create.unwrap();
        assert_eq!(
            (&*create.name, &create.span_kind),
            ("create orders", &SpanKind::Producer)
        );
        assert_eq!(create.status != Status::Unset, failed);
        assert_eq!(
            attributes(create).contains_key("messaging.message.id"),
            !failed
        );
    }
}

#[tokio::test]
async fn nothing_is_added_to_a_batch_of_structures_of_json() {
    let traced = Traced::new(&[HALF]);
    publish_two(&traced, Some("json")).await;
    for position in [1, 2] {
        assert!(
            traced
                .request()
                .attributes(&entry_prefix(position))
                .is_empty()
        );
    }
    assert_eq!(traced.request().trace_header, None);
}
