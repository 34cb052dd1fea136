use opentelemetry::Context;
use rdkafka::error::KafkaError;
use rdkafka::message::ToBytes;
use rdkafka::producer::{
    BaseProducer, BaseRecord, Partitioner, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::util::IntoOpaque;

use super::sending::Record;
use super::{TracedContext, TracedOpaque};

/// What `send` of a `BaseProducer` or a `ThreadedProducer` answers.
type Sent<'a, K, P, O> = Result<(), (KafkaError, BaseRecord<'a, K, P, O>)>;

/// Traced sends on a `BaseProducer` or a `ThreadedProducer` with a [`TracedContext`].
pub trait ProducerExt<C: ProducerContext<Part>, Part: Partitioner> {
    /// The producer's `send`, traced: a `send {topic}` span, child of what is current, that the
    /// delivery report ends. See [`TracedProducer`](super::TracedProducer) for what goes onto the
    /// record.
    ///
    /// # Errors
    /// Those of the producer, such as a full queue, with the record as it was given. The span ends
    /// with the error.
    fn send_traced<'a, K, P>(
        &self,
        record: BaseRecord<'a, K, P, C::DeliveryOpaque>,
    ) -> Sent<'a, K, P, C::DeliveryOpaque>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized;
}

impl<C, Part> ProducerExt<C, Part> for BaseProducer<TracedContext<C>, Part>
where
    C: ProducerContext<Part>,
    Part: Partitioner,
{
    fn send_traced<'a, K, P>(
        &self,
        record: BaseRecord<'a, K, P, C::DeliveryOpaque>,
    ) -> Sent<'a, K, P, C::DeliveryOpaque>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        traced(self.context(), record, |record| self.send(record))
    }
}

impl<C, Part> ProducerExt<C, Part> for ThreadedProducer<TracedContext<C>, Part>
where
    C: ProducerContext<Part> + 'static,
    Part: Partitioner,
{
    fn send_traced<'a, K, P>(
        &self,
        record: BaseRecord<'a, K, P, C::DeliveryOpaque>,
    ) -> Sent<'a, K, P, C::DeliveryOpaque>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        traced(self.context(), record, |record| self.send(record))
    }
}

fn traced<'a, C, K, P, O>(
    context: &TracedContext<C>,
    mut record: BaseRecord<'a, K, P, O>,
    send: impl Fn(BaseRecord<'a, K, P, Box<TracedOpaque<O>>>) -> Sent<'a, K, P, Box<TracedOpaque<O>>>,
) -> Sent<'a, K, P, O>
where
    K: ToBytes + ?Sized,
    P: ToBytes + ?Sized,
    O: IntoOpaque,
{
    let current = Context::current();
    let sending = context.cluster().send(&current, Record::from(&mut record));
    let traced = with_opaque(record, |users| Box::new(TracedOpaque { sending, users }));
    let answer = match send(traced) {
        Err((error, mut record)) => match &mut record.delivery_opaque.sending {
            Some(sending) if sending.is_in_the_way(&error) => {
                let cluster = context.cluster();
                cluster.withdraw(sending, record.topic, &mut record.headers);
                send(record)
            }
            _ => Err((error, record)),
        },
        sent => sent,
    };
    answer.map_err(|(error, mut record)| {
        if let Some(sending) = record.delivery_opaque.sending.take() {
            sending.failed(&error, &mut record.headers);
        }
        (error, with_opaque(record, |opaque| opaque.users))
    })
}

fn with_opaque<K, P, O, N>(
    record: BaseRecord<'_, K, P, O>,
    change: impl FnOnce(O) -> N,
) -> BaseRecord<'_, K, P, N>
where
    K: ToBytes + ?Sized,
    P: ToBytes + ?Sized,
    O: IntoOpaque,
    N: IntoOpaque,
{
    BaseRecord {
        topic: record.topic,
        partition: record.partition,
        payload: record.payload,
        key: record.key,
        timestamp: record.timestamp,
        headers: record.headers,
        delivery_opaque: change(record.delivery_opaque),
    }
}
