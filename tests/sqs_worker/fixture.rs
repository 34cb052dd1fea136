use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Fixture, QueueKind};
use tracehop::testing::sqs::SqsEndpoint;

use crate::common;
use crate::receipts::Receipts;

const VISIBILITY: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(1);

/// A server that speaks SQS.
pub(crate) struct Sqs {
    client: Client,
    receipts: Receipts,
    instrumentation: Instrumentation,
    urls: Mutex<HashMap<String, String>>,
    /// Kept running, where it is ours.
    endpoint: Option<SqsEndpoint>,
}

impl Sqs {
    pub(crate) async fn in_process() -> Self {
        let endpoint = SqsEndpoint::start().await;
        let mut sqs = Self::at(&endpoint.url());
        sqs.endpoint = Some(endpoint);
        sqs
    }

    pub(crate) fn at(url: &str) -> Self {
        let receipts = Receipts::default();
        let config = common::sqs_config(url).interceptor(receipts.clone());
        Self {
            client: Client::from_conf(config.build()),
            receipts,
            instrumentation: Recorder::new().instrumentation(),
            urls: Mutex::default(),
            endpoint: None,
        }
    }

    fn url(&self, queue: &str) -> String {
        self.urls.lock().unwrap()[queue].clone()
    }
}

impl Fixture for Sqs {
    type Source = SqsSource;
    type Sink = SqsSink;

    async fn make_queue(&self, kind: QueueKind) -> String {
        let mut name = common::unique("worker");
        let mut create = self.client.create_queue().attributes(
            QueueAttributeName::VisibilityTimeout,
            VISIBILITY.as_secs().to_string(),
        );
        if kind == QueueKind::Lanes {
            name.push_str(".fifo");
            create = create.attributes(QueueAttributeName::FifoQueue, "true");
        }
        let created = create.queue_name(&name).send().await.unwrap();
        let url = created.queue_url.unwrap();
        self.urls.lock().unwrap().insert(name.clone(), url);
        name
    }

    fn source(&self, queue: &str) -> SqsSource {
        SqsSource::builder(self.client.clone(), self.url(queue))
            .wait_time(WAIT)
            .instrumentation(self.instrumentation.clone())
            .build()
            .unwrap()
    }

    fn sink(&self, queue: &str) -> SqsSink {
        SqsSink::builder(self.client.clone(), self.url(queue))
            .instrumentation(self.instrumentation.clone())
            .build()
            .unwrap()
    }

    fn instrumentation(&self) -> Instrumentation {
        self.instrumentation.clone()
    }

    fn redelivery(&self) -> Duration {
        VISIBILITY + WAIT
    }

    /// The message becomes visible, and whoever receives it next has the lease.
    async fn revoke(&self, queue: &str, message_id: &str) {
        let change = self.client.change_message_visibility();
        let change = change.queue_url(self.url(queue)).visibility_timeout(0);
        let receipt = self.receipts.of(message_id);
        change.set_receipt_handle(receipt).send().await.unwrap();
    }
}
