use super::otlp::OtlpReceiver;
use super::support::{Visit, example, urls};

/// Nothing is installed, and no queue is named.
#[tokio::test]
async fn an_order_passes_all_edges_in_one_trace_and_the_last_knows_what_the_shop_knew() {
    let spans = OtlpReceiver::start().await;
    for formats in ["tracecontext,baggage", "datadog", "jaeger"] {
        let output = example(formats, &spans).output().await.unwrap();
        assert!(output.status.success(), "{formats}: {output:?}");
        let output = String::from_utf8(output.stdout).unwrap();
        let mut lines = output.lines();
        assert_eq!(urls(lines.next().unwrap())[1], "queue:sqs");
        let visits: Vec<Visit> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let edges: Vec<_> = visits.iter().map(|visit| visit.edge.as_str()).collect();
        assert_eq!(edges, ["rest", "grpc", "queue:sqs", "rest"], "{formats}");
        let trace_id = &visits[0].trace_id;
        assert_ne!(trace_id, &"0".repeat(32), "{formats}");
        for visit in &visits {
            assert_eq!(&visit.trace_id, trace_id, "{formats}: {visit:?}");
            let tier = &visit.baggage["customer.tier"];
            assert_eq!(tier, "gold, since 2019", "{formats}: {visit:?}");
        }
    }
}

#[tokio::test]
async fn formats_without_a_trace_or_without_baggage_are_told() {
    let spans = OtlpReceiver::start().await;
    for formats in ["xray", "baggage", "none"] {
        let output = example(formats, &spans).output().await.unwrap();
        assert!(!output.status.success(), "{formats}: {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("OTEL_PROPAGATORS"), "{formats}: {told}");
    }
}
