use opentelemetry::Context;

#[cfg(feature = "sns")]
use super::lambda::with_lineage;
use crate::telemetry::{CreateSpan, MessageFacts, OperationError, Outcome, SendSpan};

/// A message with its creation context, before it is sent.
#[cfg(feature = "sqs")]
#[derive(Debug)]
pub(crate) struct Created {
    /// Its create span, if it has one.
    pub(crate) span: Option<CreateSpan>,
    /// What went onto the message: what the send span links to.
    pub(crate) creation: Context,
}

/// A single send under way.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(super) span: SendSpan,
    /// What went onto the message.
    #[cfg_attr(
        not(feature = "sns"),
        expect(dead_code, reason = "SNS alone takes it with the request too")
    )]
    pub(crate) carried: Context,
}

impl Sending {
    /// Ends the span with the id that the service gave the message, or why there is none.
    pub(crate) fn end(
        self,
        answer: Result<Option<&str>, OperationError<'_>>,
        request_id: Option<&str>,
    ) {
        let id = answer.as_ref().ok().copied().flatten();
        self.span.end(&Outcome {
            facts: MessageFacts::NONE.with_id(id),
            request_id,
            ..Outcome::of(answer)
        });
    }
}

/// A batch send under way.
#[derive(Debug)]
pub(crate) struct SendingBatch {
    /// Each entry's id, and its create span if it has one.
    pub(super) entries: Vec<(String, Option<CreateSpan>)>,
    pub(super) span: SendSpan,
}

/// What the service answered to a batch that did not fail as a whole.
#[derive(Debug)]
pub(crate) struct BatchAnswer<'a> {
    /// The ids of the entries that were sent, each with the id that its message got.
    pub(crate) sent: Vec<(&'a str, Option<&'a str>)>,
    /// The ids of the entries that failed, each with its code.
    pub(crate) failed: Vec<(&'a str, &'a str)>,
}

impl SendingBatch {
    /// The context of the send, which is none of the messages' own.
    #[cfg(feature = "sns")]
    pub(crate) fn context(&self) -> Context {
        with_lineage(self.span.context())
    }

    /// Ends all spans, each create span with what became of its own entry.
    pub(crate) fn end(
        self,
        answer: Result<BatchAnswer<'_>, OperationError<'_>>,
        request_id: Option<&str>,
    ) {
        for (id, create) in self.entries {
            if let Some(create) = create {
                create.end(&entry_outcome(&id, &answer));
            }
        }
        self.span.end(&match answer {
            Ok(answer) => Outcome {
                error: OperationError::shared(answer.failed.iter().map(|(_, code)| *code)),
                failed_count: answer.failed.len(),
                request_id,
                ..Outcome::default()
            },
            Err(error) => Outcome {
                request_id,
                ..Outcome::failure(error)
            },
        });
    }
}

fn entry_outcome<'a>(
    id: &str,
    answer: &'a Result<BatchAnswer<'a>, OperationError<'a>>,
) -> Outcome<'a> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Outcome::failure(error.clone()),
    };
    if let Some((_, code)) = answer.failed.iter().find(|(failed, _)| *failed == id) {
        return Outcome::failure(OperationError::new(*code, "the service refused the entry"));
    }
    let sent = answer.sent.iter().find(|(sent, _)| *sent == id);
    Outcome {
        facts: MessageFacts::NONE.with_id(sent.and_then(|(_, message)| *message)),
        ..Outcome::success()
    }
}
