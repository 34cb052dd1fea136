//! Somebody who looks at dead letters: a loop of their own on the traced client.

use aws_sdk_sqs::types::Message;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use tracehop::sqs::MessageExt;
use tracehop::testing::sqs::SqsEndpoint;

use super::service::Service;
use super::{Queues, Result};

/// Waits for a dead letter, reads where it came from and why, and deletes it.
pub(super) async fn look_at_a_dead_letter(
    service: &Service,
    sqs: &SqsEndpoint,
    queues: &Queues,
) -> Result<()> {
    let client = service.client(sqs);
    let queue = service.queue(&queues.dead)?;
    let receive = client
        .receive_message()
        .queue_url(&queues.dead)
        .wait_time_seconds(5);
    let received = receive.message_attribute_names("All").send().await?;
    let letter = received
        .messages()
        .first()
        .ok_or("there is no dead letter")?;
    letter
        .process(&queue, async {
            let cx = Context::current();
            for (key, header) in [
                ("letter.origin", "tracehop-origin"),
                ("letter.error", "tracehop-error"),
            ] {
                let value = attribute(letter, header).to_owned();
                cx.span().set_attribute(KeyValue::new(key, value));
            }
            let delete = client.delete_message().queue_url(&queues.dead);
            let receipt = letter.receipt_handle().unwrap_or_default();
            delete.receipt_handle(receipt).send().await?;
            Ok(())
        })
        .await
}

/// The value of a message attribute, empty where there is none.
fn attribute<'a>(message: &'a Message, name: &str) -> &'a str {
    let attribute = message
        .message_attributes()
        .and_then(|attributes| attributes.get(name));
    attribute
        .and_then(|attribute| attribute.string_value())
        .unwrap_or_default()
}
