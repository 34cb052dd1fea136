//! In memory there are no bounds: a megabyte in one header, and ten thousand headers.

use tracehop::memory::{MemoryBroker, QueueOptions};
use tracehop::testing::Recorder;

use crate::common::bad_input::{Most, instrumentation, is_survived};

#[tokio::test]
async fn bad_context_of_every_format_is_survived_and_counted() {
    let recorder = Recorder::new();
    let instrumentation = instrumentation(&recorder);
    let broker = MemoryBroker::new().with_instrumentation(instrumentation.clone());
    broker.declare("orders", QueueOptions::default());
    let most = Most {
        bytes: 1 << 20,
        headers: usize::MAX,
    };
    let (source, sink) = (broker.source("orders"), broker.sink("orders"));
    is_survived(source, &sink, instrumentation, &recorder, most).await;
}
