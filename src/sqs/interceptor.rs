use std::sync::Arc;

use aws_sdk_sqs::config::interceptors::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_sdk_sqs::operation::change_message_visibility::{
    ChangeMessageVisibilityError, ChangeMessageVisibilityInput, ChangeMessageVisibilityOutput,
};
use aws_sdk_sqs::operation::change_message_visibility_batch::ChangeMessageVisibilityBatchInput;
use aws_sdk_sqs::operation::delete_message::{
    DeleteMessageError, DeleteMessageInput, DeleteMessageOutput,
};
use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchInput;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageInput;
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchInput;
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use opentelemetry::Context;
use tracehop_sqs::Budget;

use super::receive::Receiving;
use super::untraced::Untraced;
use super::{queue, receive, send, settle};
use crate::aws::{Destinations, InFlight, Sender, Sending, SendingBatch};
use crate::contract::Destination;
use crate::telemetry::{ClientOperation, Instrumentation, MessageFacts, SettleSpan, SettleStart};

/// Traces an `aws-sdk-sqs` client, and carries context on its messages, with no call site changed:
///
/// ```
/// # async fn client() -> aws_sdk_sqs::Client {
/// # let shared_config = aws_config::SdkConfig::builder().build();
/// let config = aws_sdk_sqs::config::Builder::from(&shared_config)
///     .interceptor(tracehop::sqs::TraceInterceptor::new())
///     .build();
/// aws_sdk_sqs::Client::from_conf(config)
/// # }
/// ```
///
/// - `SendMessage` is a `send {queue}` span, whose context goes onto the message. With
///   `SendMessageBatch` each message has a `create {queue}` span of its own, and the `send {queue}`
///   span links to all; an entry that failed marks its own.
/// - `ReceiveMessage` also asks for the attributes that carry context, and is a `receive {queue}`
///   span that links to each message, unless none came.
/// - `DeleteMessage`, `ChangeMessageVisibility` and their batch forms are `delete {queue}` and
///   `change_visibility {queue}` spans, which link to the message whose process span is current.
///
/// Spans are children of what is current where the call is first polled, cover all retries of the
/// SDK, and are not current inside the SDK. A creation context that is on a message already is
/// kept, and linked to; the one of the message in hand, which is being forwarded, is replaced. A
/// call whose future is dropped ends as `cancelled`. Nothing here fails a call.
///
/// Source: OpenTelemetry semantic conventions v1.44.0, messaging and SQS.
#[derive(Clone, Debug)]
pub struct TraceInterceptor {
    instrumentation: Instrumentation,
    destinations: Arc<Destinations>,
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
            destinations: Arc::default(),
            budget: Budget::sqs(),
        }
    }

    /// The most bytes that a message, or a batch as a whole, may have with its attributes: the
    /// queue's `MaximumMessageSize`. Default: a message within 262,144 bytes is not pushed above
    /// that by context, and a larger one may grow to 1 MiB.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.budget.max_bytes = Some(bytes);
        self
    }

    fn start(&self, input: &mut Input, current: &Context) -> Option<Call> {
        if let Some(input) = input.downcast_mut::<ReceiveMessageInput>() {
            let destination = self.destination(input.queue_url());
            receive::ask(&self.instrumentation, &destination, input);
            let receiving = || Receiving::start(destination, current.clone());
            return self
                .instrumentation
                .records()
                .then(|| Call::Receive(receiving()));
        }
        if !self.instrumentation.concerns(current) {
            return None;
        }
        if let Some(input) = input.downcast_mut::<SendMessageInput>() {
            let destination = self.destination(input.queue_url());
            let sender = self.sender(&destination, current);
            return Some(Call::Send(send::start(&sender, input)));
        }
        if let Some(input) = input.downcast_mut::<SendMessageBatchInput>() {
            let destination = self.destination(input.queue_url());
            let sender = self.sender(&destination, current);
            return Some(Call::SendBatch(send::start_batch(&sender, input)));
        }
        if let Some(input) = input.downcast_ref::<DeleteMessageInput>() {
            let span = self.settle(input.queue_url(), ClientOperation::Delete, None, current);
            return Some(Call::Delete(span));
        }
        if let Some(input) = input.downcast_ref::<DeleteMessageBatchInput>() {
            let count = Some(settle::delete_batch_count(input));
            let span = self.settle(input.queue_url(), ClientOperation::Delete, count, current);
            return Some(Call::DeleteBatch(span));
        }
        if let Some(input) = input.downcast_ref::<ChangeMessageVisibilityInput>() {
            let operation = settle::change_visibility(input);
            let span = self.settle(input.queue_url(), operation, None, current);
            return Some(Call::ChangeVisibility(span));
        }
        if let Some(input) = input.downcast_ref::<ChangeMessageVisibilityBatchInput>() {
            let (operation, count) = settle::change_visibility_batch(input);
            let span = self.settle(input.queue_url(), operation, Some(count), current);
            return Some(Call::ChangeVisibilityBatch(span));
        }
        None
    }

    fn destination(&self, url: Option<&str>) -> Arc<Destination> {
        let url = url.unwrap_or_default();
        self.destinations.get(url, || queue::destination(url))
    }

    fn sender<'a>(&'a self, destination: &'a Arc<Destination>, current: &'a Context) -> Sender<'a> {
        Sender {
            instrumentation: &self.instrumentation,
            destination,
            budget: self.budget,
            current,
        }
    }

    fn settle(
        &self,
        url: Option<&str>,
        operation: ClientOperation,
        batch_count: Option<usize>,
        current: &Context,
    ) -> SettleSpan {
        self.instrumentation.settle(&SettleStart {
            destination: &self.destination(url),
            operation,
            parent: current,
            messages: &[],
            batch_count,
            facts: MessageFacts::NONE,
        })
    }
}

impl Default for TraceInterceptor {
    fn default() -> Self {
        Self::new()
    }
}

/// A call under way.
#[derive(Debug)]
enum Call {
    Send(Sending),
    SendBatch(SendingBatch),
    Receive(Receiving),
    Delete(SettleSpan),
    DeleteBatch(SettleSpan),
    ChangeVisibility(SettleSpan),
    ChangeVisibilityBatch(SettleSpan),
}

/// Both hooks run once an operation, around all its attempts, and the last one whatever failed
/// between them (orchestrator of aws-smithy-runtime 1.16).
#[dyn_dispatch_hint]
impl Intercept for TraceInterceptor {
    fn name(&self) -> &'static str {
        "tracehop::sqs::TraceInterceptor"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if Untraced::marks(cfg) || InFlight::<Call>::is_set(cfg) {
            return Ok(());
        }
        let current = Context::current();
        if current.is_telemetry_suppressed() {
            return Ok(());
        }
        if let Some(call) = self.start(context.input_mut(), &current) {
            InFlight::put(cfg, call);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match InFlight::take(cfg) {
            None => {}
            Some(Call::Send(sending)) => send::end(sending, context),
            Some(Call::SendBatch(sending)) => send::end_batch(sending, context),
            Some(Call::Receive(receiving)) => receiving.end(&self.instrumentation, context),
            Some(Call::Delete(span)) => {
                settle::end::<DeleteMessageOutput, DeleteMessageError>(span, context);
            }
            Some(Call::DeleteBatch(span)) => settle::end_delete_batch(span, context),
            Some(Call::ChangeVisibility(span)) => {
                settle::end::<ChangeMessageVisibilityOutput, ChangeMessageVisibilityError>(
                    span, context,
                );
            }
            Some(Call::ChangeVisibilityBatch(span)) => {
                settle::end_change_visibility_batch(span, context);
            }
        }
        Ok(())
    }
}
