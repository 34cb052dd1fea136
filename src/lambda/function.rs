use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use aws_lambda_events::sns::{SnsEvent, SnsRecord};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt as _;
use tracehop_sqs::NotificationAttributes;

use super::event::Event;
use super::record::Record;
use crate::aws::Destinations;
use crate::telemetry::Instrumentation;

/// Handles the events of an AWS Lambda function record by record, traced.
///
/// ```
/// use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
/// use tracehop::lambda::TracedFunction;
///
/// async fn ship(order: SqsMessage) -> Result<(), std::num::ParseIntError> {
///     let order: u64 = order.body.unwrap_or_default().parse()?;
///     Ok(())
/// }
///
/// /// What `lambda_runtime::service_fn` calls; `function` is made once, before the first event.
/// async fn invoked(function: &TracedFunction, event: SqsEvent) -> SqsBatchResponse {
///     function.handle_sqs(event, ship).await
/// }
/// ```
///
/// The event has a `process {queue}` span of kind CONSUMER that links to every message: the child of
/// the local span that is current, which is the function's own where another layer makes one, else
/// a root. Each record has a `process {queue}` span below it, with a link to where the message was
/// created: by its message attributes, by its envelope where
/// [`envelopes`](crate::telemetry::InstrumentationBuilder::envelopes) are switched on, or by
/// `AWSTraceHeader`. That span is current in the handler, with the message's baggage.
///
/// Lambda freezes the process as soon as the function has answered: flush the spans before that.
///
/// Source: OpenTelemetry semantic conventions v1.44.0, AWS Lambda (names as in its examples; other
/// than there, message attributes are read too).
#[derive(Clone, Debug, Default)]
pub struct TracedFunction {
    instrumentation: Instrumentation,
    destinations: Arc<Destinations>,
}

impl TracedFunction {
    /// On OpenTelemetry's globals, as they are at the first event.
    pub fn new() -> Self {
        Self::default()
    }

    /// On an instrumentation of one's own.
    pub fn with(instrumentation: Instrumentation) -> Self {
        Self {
            instrumentation,
            destinations: Arc::default(),
        }
    }

    /// Handles each message of an SQS event, in order, and answers which are to come again: those
    /// whose handler returned an error or panicked. On a FIFO queue the first failure ends it, and
    /// that message and all behind it come again.
    ///
    /// The answer counts only where the event source mapping has `ReportBatchItemFailures` among
    /// its function response types; without that Lambda deletes every message. A failed message
    /// without an id makes all of the event come again (AWS Lambda developer guide, "Handling errors
    /// for an SQS event source").
    ///
    /// Dropping the future ends the spans as `cancelled`.
    pub async fn handle_sqs<H, F, E>(&self, event: SqsEvent, mut handler: H) -> SqsBatchResponse
    where
        H: FnMut(SqsMessage) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let records: Vec<Record<'_>> = event.records.iter().map(Record::from).collect();
        let in_order = records.iter().any(Record::is_fifo);
        let mut handled = Event::begin(&self.instrumentation, &self.destinations, &records);
        let mut response = SqsBatchResponse::default();
        for (index, message) in event.records.into_iter().enumerate() {
            let id = message.message_id.clone().unwrap_or_default();
            if in_order && handled.has_failures() {
                response.add_failure(id);
                continue;
            }
            let span = handled.process(index, &Record::from(&message));
            let handling = span.run(async { handler(message).await });
            let outcome = AssertUnwindSafe(handling).catch_unwind().await;
            if !handled.note(&outcome) {
                response.add_failure(id);
            }
        }
        handled.end();
        response
    }

    /// Handles each message of an SNS event, in order, up to the first that fails: SNS has no
    /// partial answer, and Lambda invokes the function again with the whole event.
    ///
    /// Dropping the future ends the spans as `cancelled`.
    ///
    /// # Errors
    /// The handler's own. Its panic is handed on too.
    pub async fn handle_sns<H, F, E>(&self, event: SnsEvent, mut handler: H) -> Result<(), E>
    where
        H: FnMut(SnsRecord) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let attributes = event.records.iter();
        let attributes: Vec<_> = attributes
            .map(|record| NotificationAttributes::from(&record.sns))
            .collect();
        let records: Vec<Record<'_>> = (event.records.iter().zip(&attributes))
            .map(|(record, attributes)| Record::of_sns(&record.sns, attributes))
            .collect();
        let mut handled = Event::begin(&self.instrumentation, &self.destinations, &records);
        let mut outcome = Ok(Ok(()));
        for (index, record) in event.records.into_iter().enumerate() {
            let span = handled.process(index, &Record::of_sns(&record.sns, &attributes[index]));
            let handling = span.run(async { handler(record).await });
            outcome = AssertUnwindSafe(handling).catch_unwind().await;
            if !handled.note(&outcome) {
                break;
            }
        }
        handled.end();
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }
}
