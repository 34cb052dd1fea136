use futures_util::future::join_all;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use opentelemetry::Context;

use super::deliveries::Granted;
use super::ladder::{Command, How};
use crate::amqp::error::operation_error;
use crate::telemetry::{
    ClientOperation, Instrumentation, MessageFacts, MessageLink, OperationError, Outcome,
    SettleSpan, SettleStart,
};

/// Sends the commands of a round, each through the acker of a delivery that it settles. Answers
/// whether all of them were sent on the channel that brought the deliveries.
pub(super) async fn send(
    commands: Vec<Command<Granted>>,
    instrumentation: Instrumentation,
) -> lapin::Result<bool> {
    let sent = commands
        .iter()
        .map(|command| one(command, &instrumentation));
    let mut all = true;
    for sent in join_all(sent).await {
        all &= sent?;
    }
    Ok(all)
}

async fn one(command: &Command<Granted>, instrumentation: &Instrumentation) -> lapin::Result<bool> {
    let Some(last) = command.items.last() else {
        return Ok(true);
    };
    let span = span(command, last, instrumentation);
    let sent = match command.how {
        How::Ack => {
            let multiple = command.items.len() > 1;
            last.acker.ack(BasicAckOptions { multiple }).await
        }
        How::Requeue => {
            let options = BasicNackOptions {
                multiple: false,
                requeue: true,
            };
            last.acker.nack(options).await
        }
        How::Reject => {
            last.acker
                .reject(BasicRejectOptions { requeue: false })
                .await
        }
    };
    span.end(&match &sent {
        Ok(true) => Outcome::success(),
        Ok(false) => Outcome::failure(OperationError::other("the channel is not open")),
        Err(error) => Outcome::failure(operation_error(error)),
    });
    sent
}

/// The span of a settlement: nobody's child, linked to its messages.
fn span(
    command: &Command<Granted>,
    last: &Granted,
    instrumentation: &Instrumentation,
) -> SettleSpan {
    let messages: Vec<_> = command.items.iter().map(link).collect();
    instrumentation.settle(&SettleStart {
        destination: &last.destination,
        operation: match command.how {
            How::Ack => ClientOperation::Ack,
            How::Requeue => ClientOperation::Nack,
            How::Reject => ClientOperation::Reject,
        },
        parent: &Context::new(),
        messages: &messages,
        batch_count: (command.items.len() > 1).then_some(command.items.len()),
        facts: MessageFacts::NONE,
    })
}

fn link(granted: &Granted) -> MessageLink<'_> {
    MessageLink {
        creation: &granted.context,
        facts: MessageFacts::NONE.with_id(granted.message_id.as_deref()),
    }
}
