//! In AWS Lambda, which is known by the environment: a process of its own.

use std::process::Command;

use crate::support::{Traced, sent_header};

#[test]
fn in_lambda_the_lineage_of_the_invocation_goes_on_in_the_trace_header() {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=25:3a5c1c2b:1";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lambda::in_a_process_send", "--ignored"])
        .env("AWS_LAMBDA_FUNCTION_NAME", "ship")
        .env("_X_AMZN_TRACE_ID", header)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{output:?}");
}

#[tokio::test]
#[ignore = "run by the test above"]
async fn in_a_process_send() {
    let traced = Traced::new().await;
    traced.send("order 7").await;
    let header = sent_header(&traced.request()).unwrap();
    let span = traced.recorder.span("send orders").span_context.span_id();
    assert!(header.contains(&format!("Parent={span}")), "{header}");
    assert!(header.ends_with(";Lineage=25:3a5c1c2b:1"), "{header}");
}
