use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Features, Fixture, QueueKind};
use tracehop::testing::sqs::SqsEndpoint;

use crate::common;
use crate::receipts::Receipts;

const VISIBILITY: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(1);

const FEATURES: Features = Features {
    null_headers: false,
    repeated_headers: false,
    any_header_name: false,
    properties: false,
    ..Features::ALL
};

/// A server that speaks SQS.
pub(crate) struct Sqs {
    client: Client,
    receipts: Receipts,
    recorder: Recorder,
    features: Features,
    soak_messages: usize,
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
            recorder: Recorder::new(),
            features: FEATURES,
            soak_messages: 10_000,
            urls: Mutex::default(),
            endpoint: None,
        }
    }

    /// LocalStack: it is slow, and hands out a group of which a message is in flight.
    pub(crate) fn localstack(url: &str) -> Self {
        let mut sqs = Self::at(url);
        sqs.features.order_through_failures = false;
        sqs.soak_messages = 1_000;
        sqs
    }

    /// A plain queue that moves a message to `dead` instead of giving it out more than `most` times.
    pub(crate) async fn make_queue_with_redrive(&self, dead: &str, most: u32) -> String {
        let name = QueueAttributeName::QueueArn;
        let asked = self.client.get_queue_attributes().queue_url(self.url(dead));
        let asked = asked.attribute_names(name.clone()).send().await.unwrap();
        let target = &asked.attributes().unwrap()[&name];
        let policy = format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":"{most}"}}"#);
        let redrive = (QueueAttributeName::RedrivePolicy, policy);
        self.create("", HashMap::from([redrive])).await
    }

    /// A queue of a fresh name with that ending; answers the name.
    async fn create(
        &self,
        ending: &str,
        mut attributes: HashMap<QueueAttributeName, String>,
    ) -> String {
        let name = common::unique("worker") + ending;
        let visibility = VISIBILITY.as_secs().to_string();
        attributes.insert(QueueAttributeName::VisibilityTimeout, visibility);
        let create = self.client.create_queue().queue_name(&name);
        let created = create.set_attributes(Some(attributes)).send().await;
        let url = created.unwrap().queue_url.unwrap();
        self.urls.lock().unwrap().insert(name.clone(), url);
        name
    }

    fn url(&self, queue: &str) -> String {
        self.urls.lock().unwrap()[queue].clone()
    }
}

impl Fixture for Sqs {
    type Source = SqsSource;
    type Sink = SqsSink;

    async fn make_queue(&self, kind: QueueKind) -> String {
        match kind {
            QueueKind::Plain => self.create("", HashMap::new()).await,
            QueueKind::Lanes => {
                let fifo = (QueueAttributeName::FifoQueue, "true".to_owned());
                self.create(".fifo", HashMap::from([fifo])).await
            }
        }
    }

    fn source(&self, queue: &str) -> SqsSource {
        SqsSource::builder(self.client.clone(), self.url(queue))
            .wait_time(WAIT)
            .instrumentation(self.instrumentation())
            .build()
            .unwrap()
    }

    fn sink(&self, queue: &str) -> SqsSink {
        SqsSink::builder(self.client.clone(), self.url(queue))
            .encode_binary(true)
            .instrumentation(self.instrumentation())
            .build()
            .unwrap()
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn features(&self) -> Features {
        self.features
    }

    fn soak_messages(&self) -> usize {
        self.soak_messages
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
