use std::fmt::Display;
use std::sync::Arc;
use std::thread;

use opentelemetry::Context;

use super::record::Record;
use crate::aws::{Destinations, extract};
use crate::contract::{Destination, System};
use crate::telemetry::{
    Instrumentation, MessageLink, OperationError, ProcessSpan, ProcessStart, Processed, Scope,
};

/// The span of an event that came from more than one queue or topic has no destination
/// (docs/faas/aws-lambda.md, semantic conventions v1.44.0).
const MULTIPLE_SOURCES: &str = "multiple_sources";

/// An event that is being handled: its span, and where its records come from.
pub(super) struct Event {
    instrumentation: Instrumentation,
    sources: Vec<Source>,
    /// `None` for an event without records.
    span: Option<ProcessSpan>,
    /// What each record that failed did so with.
    failures: Vec<String>,
}

/// Where a record comes from.
struct Source {
    destination: Arc<Destination>,
    creation: Context,
}

impl Event {
    /// Reads the context of each record, and starts the span of the event in what is current.
    pub(super) fn begin(
        instrumentation: &Instrumentation,
        destinations: &Destinations,
        records: &[Record<'_>],
    ) -> Self {
        let sources: Vec<Source> = records
            .iter()
            .map(|record| {
                let destination = destinations.get(record.source, || record.destination());
                let (carrier, body) = (record.carrier, Some(record.body));
                let extracted = extract(instrumentation, &destination, carrier, body);
                let creation = instrumentation.extracted(&destination, extracted);
                Source {
                    destination,
                    creation,
                }
            })
            .collect();
        let links: Vec<MessageLink<'_>> = (records.iter().zip(&sources))
            .map(|(record, source)| MessageLink {
                creation: &source.creation,
                facts: record.facts(),
            })
            .collect();
        let span = common(&sources, destinations).map(|destination| {
            let current = Context::current();
            let scope = Scope::Caller(&current);
            let mut span = instrumentation.process_batch(&destination, scope, &links);
            span.triggers_function();
            span
        });
        Self {
            instrumentation: instrumentation.clone(),
            sources,
            span,
            failures: Vec::new(),
        }
    }

    /// Starts the span of the record at `index`.
    pub(super) fn process(&self, index: usize, record: &Record<'_>) -> ProcessSpan {
        let source = &self.sources[index];
        let event = self.span.as_ref().map(ProcessSpan::context);
        let mut span = self.instrumentation.process(&ProcessStart {
            destination: &source.destination,
            creation: &source.creation,
            attempt: record.attempt,
            previous: record.previous(),
            facts: record.facts(),
            scope: event.map_or(Scope::Worker, Scope::Batch),
        });
        span.triggers_function();
        span
    }

    /// Takes note of how a record was handled; answers whether it was.
    pub(super) fn note<E: Display>(&mut self, outcome: &thread::Result<Result<(), E>>) -> bool {
        let error = match outcome {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => OperationError::other(error.to_string()),
            Err(panic) => OperationError::panicked(panic.as_ref()),
        };
        tracing::warn!(
            error = error.description(),
            "a record failed, and comes again"
        );
        self.failures.push(error.error_type().to_owned());
        false
    }

    /// Whether a record has failed.
    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Ends the span.
    pub(super) fn end(self) {
        if let Some(span) = self.span {
            span.end(&Processed {
                error: OperationError::shared(self.failures.iter().map(String::as_str)),
                failed_count: self.failures.len(),
                ..Processed::default()
            });
        }
    }
}

/// Where all come from; `None` where there is nothing.
fn common(sources: &[Source], destinations: &Destinations) -> Option<Arc<Destination>> {
    let first = &sources.first()?.destination;
    let same = |source: &Source| Arc::ptr_eq(&source.destination, first);
    if sources.iter().all(same) {
        return Some(Arc::clone(first));
    }
    let several = || Destination {
        template: Some(MULTIPLE_SOURCES.to_owned()),
        ..Destination::new(System::AwsSqs, "")
    };
    Some(destinations.get(MULTIPLE_SOURCES, several))
}
