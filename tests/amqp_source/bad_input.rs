//! Context as bad as it gets within one frame, which is all that RabbitMQ takes of headers.

use tracehop::amqp::AmqpSink;
use tracehop::testing::Recorder;

use crate::common::bad_input::{Most, instrumentation, is_survived};
use crate::support::Rabbit;

#[tokio::test]
async fn bad_context_of_every_format_is_survived_and_counted() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    let recorder = Recorder::new();
    let instrumentation = instrumentation(&recorder);
    let source = rabbit.builder().instrumentation(instrumentation.clone());
    let sink = AmqpSink::builder(rabbit.url.as_str(), "")
        .routing_key(rabbit.queue.as_str())
        .instrumentation(instrumentation.clone());
    let (source, sink) = (source.build().unwrap(), sink.build().unwrap());
    let most = Most {
        bytes: 120_000,
        headers: 1_000,
    };
    is_survived(source, &sink, instrumentation, &recorder, most).await;
}
