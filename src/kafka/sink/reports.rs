use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::{Notify, oneshot};

use crate::contract::{Destination, Operation, Result, Sent};
use crate::kafka::error::failure;
use crate::telemetry::{MessageFacts, OperationError, Outcome, SendSpan};

/// How often the thread looks whether its sink is gone.
const PAUSE: Duration = Duration::from_millis(100);

/// What librdkafka calls back about deliveries.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// A message has left the producer's queue.
    pub(super) room: Notify,
}

/// A message on its way.
pub(super) struct Pending {
    pub(super) destination: Arc<Destination>,
    pub(super) span: SendSpan,
    pub(super) answer: oneshot::Sender<Result<Sent>>,
}

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        // Each message tells for itself whether it arrived.
        tracing::debug!(%error, reason, "the producer is in trouble");
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        crate::kafka::logs::log(level, facility, message);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, pending: Box<Pending>) {
        self.room.notify_waiters();
        let Pending {
            destination,
            span,
            answer,
        } = *pending;
        let answered = match delivered {
            Ok(record) => {
                let (partition, offset) = (Some(record.partition()), Some(record.offset()));
                span.end(&Outcome {
                    facts: MessageFacts {
                        partition,
                        offset,
                        ..MessageFacts::NONE
                    },
                    ..Outcome::success()
                });
                Ok(Sent {
                    partition,
                    offset,
                    ..Sent::default()
                })
            }
            Err((error, _)) => {
                let failure = failure(Operation::Send, &destination, error, None);
                span.end(&Outcome::failure(OperationError::from(&failure)));
                Err(failure)
            }
        };
        // Nobody waits any more: the message is there, or not, all the same.
        let _ = answer.send(answered);
    }
}

/// Serves the reports until the sink is gone and everything that it was given is answered.
pub(super) fn serve(producer: &BaseProducer<Reports>, dropped: &AtomicBool) {
    while !dropped.load(Ordering::Acquire) || producer.in_flight_count() > 0 {
        producer.poll(PAUSE);
    }
}
