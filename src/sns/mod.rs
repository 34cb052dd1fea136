//! Amazon SNS: an interceptor that traces the client you have.

mod interceptor;
mod publish;
mod topic;

pub use interceptor::TraceInterceptor;
