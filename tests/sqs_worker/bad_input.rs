//! On SQS: as much as it takes in one attribute.

use std::time::Duration;

use aws_sdk_sqs::Client;
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::testing::Recorder;
use tracehop::testing::sqs::SqsEndpoint;

use crate::common;
use crate::common::bad_input::{Most, instrumentation, is_survived};

async fn bad_context_of_every_format_is_survived_and_counted(url: &str) {
    let recorder = Recorder::new();
    let instrumentation = instrumentation(&recorder);
    let client = Client::from_conf(common::sqs_config(url).build());
    let create = client.create_queue().queue_name(common::unique("bad"));
    let url = create.send().await.unwrap().queue_url.unwrap();
    let source = SqsSource::builder(client.clone(), &url)
        .wait_time(Duration::from_secs(1))
        .instrumentation(instrumentation.clone());
    let sink = SqsSink::builder(client, &url).instrumentation(instrumentation.clone());
    let (source, sink) = (source.build().unwrap(), sink.build().unwrap());
    let most = Most {
        bytes: 250_000,
        headers: 10,
    };
    is_survived(source, &sink, instrumentation, &recorder, most).await;
}

#[tokio::test]
async fn bad_context_is_survived_in_process() {
    let endpoint = SqsEndpoint::start().await;
    bad_context_of_every_format_is_survived_and_counted(&endpoint.url()).await;
}

#[tokio::test]
async fn bad_context_is_survived_on_localstack() {
    if let Some(url) = common::localstack() {
        bad_context_of_every_format_is_survived_and_counted(&url).await;
    }
}
