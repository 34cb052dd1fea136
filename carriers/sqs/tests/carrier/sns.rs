use aws_sdk_sns::{
    operation::publish::PublishInput,
    types::{MessageAttributeValue, PublishBatchRequestEntry},
};
use opentelemetry::{Context, trace::TraceContextExt};
use tracehop_propagation::{Composite, xray_header};
use tracehop_sqs::{BatchBudget, Budget, DropReason, Outgoing, inject};

use crate::{AWS, TRACEPARENT_BYTES, every_format, rich, traced};

fn names(request: &PublishInput) -> Vec<&str> {
    let mut names: Vec<_> = request
        .message_attributes()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn what_is_injected_is_extracted() {
    let mut request = PublishInput::builder()
        .topic_arn("arn")
        .message("body")
        .build()
        .unwrap();
    let injected = inject(&rich(), &every_format(), &mut request, Budget::sns());
    assert_eq!((injected.fields, injected.aws_trace_header), (3, false));
    assert_eq!(names(&request), ["baggage", "traceparent", "tracestate"]);
    let read = every_format().extract_reported(&Context::new(), &request.extractor());
    assert_eq!(
        read.context.span().span_context(),
        rich().span().span_context()
    );
}

/// SNS has no system attributes: the request header carries it on.
#[test]
fn xray_goes_out_as_a_request_header() {
    let mut request = PublishInput::builder().message("body").build().unwrap();
    inject(&traced(), &every_format(), &mut request, Budget::sns());
    assert_eq!(names(&request), ["traceparent"]);
    assert_eq!(xray_header(&traced()).as_deref(), Some(AWS));
}

#[test]
fn the_slots_and_bytes_are_kept() {
    let mine = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("v")
        .build()
        .unwrap();
    let mut full = PublishInput::builder().message("body");
    for i in 0..9 {
        full = full.message_attributes(format!("user-{i}"), mine.clone());
    }
    let mut full = full.build().unwrap();
    let injected = inject(&rich(), &Composite::default(), &mut full, Budget::sns());
    assert_eq!((injected.fields, injected.dropped.len()), (1, 2));

    for (body, fields) in [
        (262_144 - TRACEPARENT_BYTES, 1),
        (262_145 - TRACEPARENT_BYTES, 0),
        (262_145, 0),
    ] {
        let mut request = PublishInput::builder()
            .message("b".repeat(body - 3))
            .subject("sub")
            .build()
            .unwrap();
        assert_eq!(
            inject(
                &traced(),
                &Composite::default(),
                &mut request,
                Budget::sns()
            )
            .fields,
            fields
        );
    }
}

#[test]
fn nothing_is_added_for_phone_numbers_and_json() {
    let phone = PublishInput::builder()
        .phone_number("+10000000000")
        .message("body");
    let json = PublishInput::builder()
        .topic_arn("arn")
        .message("{}")
        .message_structure("json");
    for request in [phone, json] {
        let mut request = request.build().unwrap();
        let injected = inject(
            &traced(),
            &Composite::default(),
            &mut request,
            Budget::sns(),
        );
        assert_eq!(injected.fields, 0);
        assert_eq!(injected.dropped[0].reason, DropReason::Unsupported);
        assert_eq!(request.message_attributes, None);
    }
    let entry = PublishBatchRequestEntry::builder()
        .id("1")
        .message("{}")
        .message_structure("json");
    let mut entry = entry.build().unwrap();
    assert_eq!(
        inject(&traced(), &Composite::default(), &mut entry, Budget::sns()).fields,
        0
    );
}

#[test]
fn a_batch_shares_its_maximum() {
    let entry = |id: &str| {
        PublishBatchRequestEntry::builder()
            .id(id)
            .message("b".repeat(131_072 - 40))
            .build()
            .unwrap()
    };
    let mut entries = [entry("1"), entry("2")];
    let mut batch = BatchBudget::new(Budget::sns(), &entries);
    for entry in &mut entries {
        let budget = batch.next(entry);
        batch.record(&inject(&traced(), &Composite::default(), entry, budget));
    }
    assert_eq!(
        entries.iter().map(Outgoing::bytes).sum::<usize>(),
        2 * (131_072 - 40) + TRACEPARENT_BYTES
    );
}
