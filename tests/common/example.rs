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
