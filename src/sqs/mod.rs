//! Amazon SQS: an interceptor that traces the client you have, process spans for a loop of your
//! own, and a source and a sink for workers.

mod binary;
mod caught;
mod client;
mod entry;
mod error;
mod interceptor;
mod message_ext;
mod queue;
mod receive;
mod retry;
mod send;
mod settle;
mod sink;
mod source;
mod untraced;

pub use interceptor::TraceInterceptor;
pub use message_ext::MessageExt;
pub use queue::SqsQueue;
pub use sink::{SqsSink, SqsSinkBuilder};
pub use source::{SqsReceipt, SqsSource, SqsSourceBuilder};
pub(crate) use untraced::Untraced;
