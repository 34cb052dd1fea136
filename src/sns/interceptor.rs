use std::sync::Arc;

use aws_sdk_sns::config::interceptors::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_sdk_sns::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sns::error::BoxError;
use aws_sdk_sns::operation::publish::PublishInput;
use aws_sdk_sns::operation::publish_batch::PublishBatchInput;
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use opentelemetry::Context;
use tracehop_propagation::XRay;
use tracehop_sqs::Budget;

use super::{publish, topic};
use crate::aws::{Destinations, InFlight, Sender, Sending, SendingBatch};
use crate::contract::{Destination, Server};
use crate::telemetry::Instrumentation;

/// Traces an `aws-sdk-sns` client, and carries context on its messages, with no call site changed:
///
/// ```
/// # async fn client() -> aws_sdk_sns::Client {
/// # let shared_config = aws_sdk_sns::config::Builder::new();
/// let config = shared_config
///     .interceptor(tracehop::sns::TraceInterceptor::new())
///     .build();
/// aws_sdk_sns::Client::from_conf(config)
/// # }
/// ```
///
/// `Publish` is a `publish {topic}` span, whose context goes onto the message. With `PublishBatch`
/// each message has a `create {topic}` span of its own, and the `publish {topic}` span links to
/// all; an entry that failed marks its own.
///
/// Context goes onto messages as attributes, at most 10 with the user's own, because more are not
/// delivered to a queue with raw delivery. SNS has no system attributes: the X-Ray trace header
/// goes out with the request, as `X-Amzn-Trace-Id`. Nothing is added to what is published to a
/// phone number or with a structure of JSON. Phone numbers and target ARNs are never recorded.
///
/// Spans are children of what is current where the call is first polled, cover all retries of the
/// SDK, and are not current inside the SDK. A creation context that is on a message already is
/// kept, and linked to; the one of the message in hand, which is being forwarded, is replaced. A
/// call whose future is dropped ends as `cancelled`. Nothing here fails a call.
///
/// Source: OpenTelemetry semantic conventions v1.44.0, messaging and SNS.
#[derive(Clone, Debug)]
pub struct TraceInterceptor {
    instrumentation: Instrumentation,
    topics: Arc<Destinations>,
    unnamed: Arc<Destination>,
    budget: Budget,
}

impl TraceInterceptor {
    /// On OpenTelemetry's globals, as they are at the first call.
    pub fn new() -> Self {
        Self::with(Instrumentation::default())
    }

    /// On an instrumentation of one's own.
    pub fn with(instrumentation: Instrumentation) -> Self {
        Self {
            instrumentation,
            topics: Arc::default(),
            unnamed: Arc::new(topic::unnamed()),
            budget: Budget::sns(),
        }
    }

    /// The most bytes that a message, or a batch as a whole, may have with its attributes: the
    /// topic's `MaximumMessageSize`. Default: 262,144.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.budget.max_bytes = Some(bytes);
        self
    }

    /// `server` says where the client sends its requests.
    fn start(
        &self,
        input: &mut Input,
        current: &Context,
        server: impl FnOnce() -> Option<Server>,
    ) -> Option<Call> {
        if let Some(input) = input.downcast_mut::<PublishInput>() {
            let destination = self.destination(input.topic_arn(), server);
            let sender = self.sender(&destination, current);
            let (sending, trace_header) = publish::start(&sender, input);
            return Some(Call {
                sends: Sends::One(sending),
                trace_header,
            });
        }
        if let Some(input) = input.downcast_mut::<PublishBatchInput>() {
            let destination = self.destination(input.topic_arn(), server);
            let sender = self.sender(&destination, current);
            let (sending, trace_header) = publish::start_batch(&sender, input);
            return Some(Call {
                sends: Sends::Batch(sending),
                trace_header,
            });
        }
        None
    }

    fn destination(
        &self,
        topic_arn: Option<&str>,
        server: impl FnOnce() -> Option<Server>,
    ) -> Arc<Destination> {
        match topic_arn {
            Some(arn) => (self.topics).get(arn, || topic::destination(arn, server())),
            None => Arc::clone(&self.unnamed),
        }
    }

    fn sender<'a>(&'a self, destination: &'a Arc<Destination>, current: &'a Context) -> Sender<'a> {
        Sender {
            instrumentation: &self.instrumentation,
            destination,
            budget: self.budget,
            current,
        }
    }
}

impl Default for TraceInterceptor {
    fn default() -> Self {
        Self::new()
    }
}

/// A call under way.
#[derive(Debug)]
struct Call {
    sends: Sends,
    /// What the request is to say in `X-Amzn-Trace-Id`.
    trace_header: Option<String>,
}

#[derive(Debug)]
enum Sends {
    One(Sending),
    Batch(SendingBatch),
}

/// The hooks run once an operation, around all its attempts, and the last one whatever failed
/// between them (orchestrator of aws-smithy-runtime 1.16).
#[dyn_dispatch_hint]
impl Intercept for TraceInterceptor {
    fn name(&self) -> &'static str {
        "tracehop::sns::TraceInterceptor"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let current = Context::current();
        let passes = current.is_telemetry_suppressed() || InFlight::<Call>::is_set(cfg);
        if passes || !self.instrumentation.concerns(&current) {
            return Ok(());
        }
        let server = || topic::server(components, cfg);
        if let Some(call) = self.start(context.input_mut(), &current, server) {
            InFlight::put(cfg, call);
        }
        Ok(())
    }

    /// The SDK copies the request for its retries after this hook. Signature Version 4 leaves the
    /// header unsigned, because load balancers add and change it.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = InFlight::<Call>::get(cfg);
        let headers = context.request_mut().headers_mut();
        if let Some(header) = call.and_then(|call| call.trace_header.as_ref())
            && !headers.contains_key(XRay::FIELD)
        {
            // A header is ASCII by the way it is written; were it not, the SDK would refuse it.
            let _ = headers.try_insert(XRay::FIELD, header.clone());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match InFlight::take(cfg).map(|call: Call| call.sends) {
            None => {}
            Some(Sends::One(sending)) => publish::end(sending, context),
            Some(Sends::Batch(sending)) => publish::end_batch(sending, context),
        }
        Ok(())
    }
}
