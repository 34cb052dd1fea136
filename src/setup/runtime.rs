use std::future::{Future, poll_fn};
use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A Tokio runtime on a thread of its own. The SDK's threads have none, the OTLP clients need one,
/// and the application's may be single-threaded and blocked while the pipeline shuts down.
#[derive(Debug)]
pub(super) struct Runtime {
    handle: Handle,
    /// Dropped, it lets the thread end.
    _running: oneshot::Sender<()>,
}

impl Runtime {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("tracehop-otlp".to_owned())
            .spawn(move || {
                // What is exported is not traced.
                let _suppressed = opentelemetry::Context::enter_telemetry_suppressed_scope();
                runtime.block_on(ended).ok();
            })?;
        Ok(Self {
            handle,
            _running: running,
        })
    }

    /// Runs `build` where it finds the runtime.
    pub(super) fn enter<T>(&self, build: impl FnOnce() -> T) -> T {
        let _entered = self.handle.enter();
        build()
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// A future that finds the runtime wherever it is polled.
pub(super) fn within<F: Future>(handle: Handle, future: F) -> impl Future<Output = F::Output> {
    let mut future = Box::pin(future);
    poll_fn(move |cx| {
        let _entered = handle.enter();
        future.as_mut().poll(cx)
    })
}
