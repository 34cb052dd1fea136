//! Apache Kafka, on `rdkafka`: a producer and a consumer that trace the clients you have, and a
//! source and a sink for workers.
//!
//! | you have | it becomes |
//! |---|---|
//! | `FutureProducer` | [`TracedProducer`] |
//! | `BaseProducer`, `ThreadedProducer` | the same, on a [`TracedContext`], with [`ProducerExt::send_traced`] |
//! | `StreamConsumer` | [`TracedConsumer`] |
//! | `BaseConsumer` | the same, with [`ConsumerExt`] |
//! | a loop over records | the same, with [`MessageExt::process`] around each |

mod base_consumer;
#[expect(clippy::result_large_err, reason = "the signatures are rdkafka's")]
mod base_producer;
mod cluster;
mod consumer;
mod context;
mod error;
mod failure;
mod logs;
mod message_ext;
#[expect(clippy::result_large_err, reason = "the signatures are rdkafka's")]
mod producer;
mod properties;
mod received;
mod record;
mod sending;
mod sink;
mod source;

pub use base_consumer::ConsumerExt;
pub use base_producer::ProducerExt;
pub use cluster::KafkaCluster;
pub use consumer::{TracedConsumer, TracedStream};
pub use context::{TracedContext, TracedOpaque};
pub use message_ext::MessageExt;
pub use producer::{TracedDelivery, TracedProducer};
pub use sink::{KafkaSink, KafkaSinkBuilder};
pub use source::{GroupProtocol, KafkaReceipt, KafkaSource, KafkaSourceBuilder, LaneBy, StartAt};
