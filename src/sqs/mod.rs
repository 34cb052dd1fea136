//! Amazon SQS: an interceptor that traces the client you have, and process spans for a loop of
//! your own.

mod interceptor;
mod message_ext;
mod queue;
mod receive;
mod send;
mod settle;
mod untraced;

pub use interceptor::TraceInterceptor;
pub use message_ext::MessageExt;
pub use queue::SqsQueue;
