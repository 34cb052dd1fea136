//! A traced client whose requests go to a script of answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::{self, BehaviorVersion, Credentials, Region};
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use tracehop::sns::TraceInterceptor;
use tracehop::telemetry::InstrumentationBuilder;
use tracehop::testing::Recorder;

pub(crate) use crate::common::spans::{attributes, trace_header, traceparent};

pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:orders";

pub(crate) const PUBLISHED: Answer = Answer(
    200,
    "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>",
);
pub(crate) const THROTTLED: Answer = Answer(
    400,
    "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>",
);

/// A status and a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) &'static str);

pub(crate) struct Traced {
    pub(crate) recorder: Recorder,
    pub(crate) client: Client,
    wire: Wire,
}

impl Traced {
    /// A client whose calls get these answers, in order, and then none.
    pub(crate) fn new(answers: &[Answer]) -> Self {
        Self::with(answers, |builder| builder)
    }

    /// With options of the instrumentation.
    pub(crate) fn with(
        answers: &[Answer],
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Self {
        Self::configured(answers, options, |config| config)
    }

    /// With options of the instrumentation and of the client.
    pub(crate) fn configured(
        answers: &[Answer],
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
        configure: impl FnOnce(config::Builder) -> config::Builder,
    ) -> Self {
        let recorder = Recorder::new();
        let instrumentation = options(recorder.builder()).build();
        let wire = Wire::default();
        wire.0.lock().unwrap().answers.extend(answers);
        let connector = SharedHttpConnector::new(wire.clone());
        let config = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .interceptor(TraceInterceptor::with(instrumentation));
        Self {
            recorder,
            client: Client::from_conf(configure(config).build()),
            wire,
        }
    }

    /// What has gone out.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.wire.0.lock().unwrap().requests.clone()
    }

    /// The one request that has gone out.
    pub(crate) fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests[0].clone()
    }
}

/// A request as it went out.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) trace_header: Option<String>,
    pub(crate) authorization: String,
    fields: BTreeMap<String, String>,
}

impl Request {
    /// The message attributes under `prefix`, which is that of an entry of a batch or empty.
    pub(crate) fn attributes(&self, prefix: &str) -> BTreeMap<String, String> {
        let prefix = format!("{prefix}MessageAttributes.entry.");
        let names = self.fields.iter().filter_map(|(field, name)| {
            let index = field.strip_prefix(&prefix)?.strip_suffix(".Name")?;
            let value = self
                .fields
                .get(&format!("{prefix}{index}.Value.StringValue"))?;
            Some((name.clone(), value.clone()))
        });
        names.collect()
    }
}

#[derive(Clone, Debug, Default)]
struct Wire(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: std::collections::VecDeque<Answer>,
    requests: Vec<Request>,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut script = self.0.lock().unwrap();
        let header = |name| request.headers().get(name).map(ToOwned::to_owned);
        let body = request.body().bytes().unwrap_or_default();
        script.requests.push(Request {
            trace_header: header("x-amzn-trace-id"),
            authorization: header("authorization").unwrap(),
            fields: form(std::str::from_utf8(body).unwrap()),
        });
        let Some(Answer(status, body)) = script.answers.pop_front() else {
            return HttpConnectorFuture::new(std::future::pending());
        };
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        response
            .headers_mut()
            .insert("x-amzn-requestid", "request-1");
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn form(body: &str) -> BTreeMap<String, String> {
    let fields = body.split('&').filter_map(|field| field.split_once('='));
    fields
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        text.push(char::from(u8::from_str_radix(digits, 16).unwrap()));
        text.push_str(rest);
    }
    text
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type("String");
    attribute.string_value(value).build().unwrap()
}
