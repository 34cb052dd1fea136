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
use crate::kafka::sending::Sending;

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
    /// `None` where there is nothing to record.
    pub(super) sending: Option<Sending>,
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
            sending,
            answer,
        } = *pending;
        let answered = match delivered {
            Ok(record) => {
                let (partition, offset) = (record.partition(), record.offset());
                if let Some(sending) = sending {
                    sending.delivered(partition, offset);
                }
                Ok(Sent {
                    partition: Some(partition),
                    offset: Some(offset),
                    ..Sent::default()
                })
            }
            Err((error, _)) => {
                if let Some(sending) = sending {
                    sending.failed(error, &mut None);
                }
                Err(failure(Operation::Send, &destination, error, None))
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
