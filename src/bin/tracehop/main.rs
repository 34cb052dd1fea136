//! The program `tracehop`.

mod demo;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trace context and baggage, carried across every queue hop.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an order service and its workers on brokers in this process, and show the traces.
    Demo(demo::Args),
}

/// Exits with 0, with 1 and one line where something failed, and with 2 on wrong arguments.
fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let done = match command {
        Command::Demo(args) => demo::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "tracehop: {}", one_line(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads the output has seen enough, as in `tracehop demo | head`.
fn closed_pipe(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error and its sources.
fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line = format!("{line}: {error}");
        source = error.source();
    }
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_sources() {
        let error = io::Error::other(io::Error::other("no\nroom"));
        assert_eq!(one_line(&error), "no room");
        let nested = Nested(io::Error::other("no room"));
        assert_eq!(one_line(&nested), "the queue: no room");
    }

    #[derive(Debug)]
    struct Nested(io::Error);

    impl std::fmt::Display for Nested {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the queue")
        }
    }

    impl Error for Nested {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
}
