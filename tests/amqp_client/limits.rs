//! The header frame is never pushed above the limit by context, and nothing of the user's is lost.

use futures_util::StreamExt as _;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, ByteArray};
use opentelemetry::trace::{SpanId, TraceContextExt as _};

use crate::support::{Traced, attribute, header, table, text, with_headers};

const FRAME_MAX: usize = 131_072;

#[tokio::test]
async fn headers_near_the_limit_of_a_frame_go_out_without_context() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    // Room for everything, then for nothing, then for nothing at all in the frame: frame 22, table
    // 4, name 5, type 1, length 4.
    for (free, carries) in [(4096 + 80, true), (4096, false), (0, false)] {
        let size = FRAME_MAX - 36 - free;
        traced
            .send(with_headers([("user", text(&"x".repeat(size)))]))
            .await;
        let message = traced.arrived().await;
        assert_eq!(header(&message, "user").unwrap().len(), size);
        assert_eq!(
            header(&message, "traceparent").is_some(),
            carries,
            "{free} bytes free"
        );
    }
    assert!(traced.connection.status().connected());
    let dropped = [
        ("tracehop.field", "traceparent"),
        ("tracehop.reason", "bytes"),
    ];
    let total = traced
        .recorder
        .total("tracehop.propagation.dropped", &dropped);
    assert_eq!(total, Some(2.0));
}

#[tokio::test]
async fn headers_above_the_limit_are_the_users_own_mistake_and_end_the_span_with_the_brokers_code()
{
    let Some(traced) = Traced::new().await else {
        return;
    };
    let confirm = traced
        .publish(with_headers([("user", text(&"x".repeat(FRAME_MAX)))]))
        .await;
    confirm.await.unwrap_err();
    let span = traced.span("publish");
    assert_eq!(
        attribute(&span, "error.type").as_deref(),
        Some("FRAME_ERROR")
    );
}

#[tokio::test]
async fn a_smaller_limit_of_the_connection_is_kept() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let channel = traced.channel.clone().frame_max(8192);
    let traced = Traced { channel, ..traced };
    for (size, carries) in [(3980, true), (4000, false)] {
        traced
            .send(with_headers([("user", text(&"x".repeat(size)))]))
            .await;
        let message = traced.arrived().await;
        assert_eq!(header(&message, "traceparent").is_some(), carries, "{size}");
    }
}

#[tokio::test]
async fn poison_headers_are_survived() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let poison = [
        AMQPValue::LongString(vec![0xff, 0xfe].into()),
        AMQPValue::ByteArray(ByteArray::from(vec![0xff])),
        AMQPValue::Void,
        AMQPValue::LongLongInt(-7),
        text("00-nonsense"),
        text(&"0".repeat(60_000)),
        table([(
            "traceparent",
            text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        )])
        .into(),
    ];
    for value in &poison {
        let properties = with_headers([("traceparent", value.clone()), ("baggage", value.clone())]);
        let (options, key) = (BasicPublishOptions::default(), traced.queue.as_str().into());
        let publish = traced
            .raw
            .basic_publish("".into(), key, options, b"", properties);
        publish.await.unwrap().await.unwrap();
    }
    let mut consumer = traced.consume().await;
    for value in &poison {
        let delivery = consumer.next().await.unwrap().unwrap();
        let kept = delivery.properties.headers().as_ref().unwrap();
        assert_eq!(&kept.inner()["traceparent"], value, "it is the user's");
        assert!(!delivery.extract_context().has_active_span());
        delivery
            .process(async { Ok::<_, String>(()) })
            .await
            .unwrap();
        let span = traced.span("process");
        assert_eq!(
            (span.links.len(), span.parent_span_id),
            (0, SpanId::INVALID)
        );
        traced.recorder.forget_spans();
    }
    let total = |name: &str| traced.recorder.total(name, &[]);
    assert_eq!(total("tracehop.propagation.missing"), Some(5.0));
    assert!(total("tracehop.propagation.malformed").is_some_and(|malformed| malformed >= 2.0));
}
