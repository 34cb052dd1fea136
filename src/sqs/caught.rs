use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// What a request comes to; `None` where it panics, which what the user plugged into telemetry may
/// do. The task must not go without a word: its driver waits for the answer.
pub(super) async fn caught<T>(request: impl Future<Output = T>) -> Option<T> {
    let caught = AssertUnwindSafe(request).catch_unwind().await;
    if caught.is_err() {
        tracing::error!("a request to SQS panicked, and counts as failed");
    }
    caught.ok()
}
