//! The example programs, as processes of their own.

use std::process::Stdio;

use tokio::process::Command;

/// The built example of that name, with its output to be read and its telemetry sent nowhere. It is
/// killed when dropped.
pub(crate) fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let target = tests.ancestors().nth(2).unwrap();
    let program = target.join("examples").join(name);
    assert!(
        program.exists(),
        "{name} is built with: cargo build --all-features --examples"
    );
    let mut command = Command::new(program);
    command
        .env("OTEL_TRACES_EXPORTER", "none")
        .env("OTEL_METRICS_EXPORTER", "none")
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Names that queue, of the server at `url`, to an example.
pub(crate) fn on_sqs(example: &mut Command, url: &str, queue: &str) {
    example
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("QUEUE_URL", queue);
}
