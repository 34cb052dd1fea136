use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::contract::{Destination, Operation, Result};
use crate::sqs::error;

/// Below so many receives a message may be dead-lettered by deliveries that no handler saw.
const FEW_RECEIVES: u32 = 5;

/// What a source must know of its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct QueueFacts {
    pub(super) visibility: Option<Duration>,
    pub(super) redrive: Option<Redrive>,
}

/// The queue's own dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The ARN of the dead-letter queue.
    pub(super) target: String,
    pub(super) max_receives: Option<u32>,
}

/// Asks what the queue is set to. Needs the permission `sqs:GetQueueAttributes`.
pub(super) async fn ask(
    client: &Client,
    url: &str,
    destination: &Destination,
) -> Result<QueueFacts> {
    let answer = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::VisibilityTimeout)
        .attribute_names(QueueAttributeName::RedrivePolicy)
        .send()
        .await
        .map_err(|error| error::failure(Operation::Open, destination, &error))?;
    let attribute = |name| answer.attributes()?.get(&name).map(String::as_str);
    Ok(QueueFacts {
        visibility: attribute(QueueAttributeName::VisibilityTimeout)
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs),
        redrive: attribute(QueueAttributeName::RedrivePolicy).and_then(Redrive::parse),
    })
}

/// How many messages wait, by SQS's own estimate.
pub(super) async fn backlog(
    client: &Client,
    url: &str,
    destination: &Destination,
) -> Result<Option<u64>> {
    let answer = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .send()
        .await
        .map_err(|error| error::failure(Operation::Backlog, destination, &error))?;
    let count = answer
        .attributes()
        .and_then(|attributes| attributes.get(&QueueAttributeName::ApproximateNumberOfMessages));
    Ok(count.and_then(|count| count.parse().ok()))
}

impl Redrive {
    /// Reads a redrive policy: a flat JSON object with values of text or a number (Amazon SQS API,
    /// version 2012-11-05, `SetQueueAttributes`).
    fn parse(policy: &str) -> Option<Self> {
        let value = |key: &str| {
            let (_, rest) = policy.split_once(&format!("\"{key}\""))?;
            let rest = rest.trim_start().strip_prefix(':')?.trim_start();
            let value = match rest.strip_prefix('"') {
                Some(text) => text.split('"').next()?,
                None => rest.split([',', '}']).next()?,
            };
            Some(value.trim())
        };
        Some(Self {
            target: value("deadLetterTargetArn")?.to_owned(),
            max_receives: value("maxReceiveCount").and_then(|count| count.parse().ok()),
        })
    }

    /// Says where the policy would take messages that no handler saw: what is given back unseen
    /// counts as received too.
    pub(super) fn warn(&self, destination: &Destination) {
        if let Some(receives) = self
            .max_receives
            .filter(|receives| *receives < FEW_RECEIVES)
        {
            tracing::warn!(
                queue = %destination,
                max_receive_count = receives,
                "the redrive policy allows fewer than {FEW_RECEIVES} receives: messages that are \
                 given back unhandled count too, and may end in the dead-letter queue"
            );
        }
    }

    /// The owner and the name of the dead-letter queue: `arn:partition:sqs:region:account:name`.
    pub(super) fn owner_and_name(&self) -> Option<(&str, &str)> {
        let mut parts = self.target.split(':').skip(4);
        Some((parts.next()?, parts.next().filter(|name| !name.is_empty())?))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_with_its_count_as_number_or_text() {
        let policies = [
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:dead","maxReceiveCount":3}"#,
            r#"{ "maxReceiveCount" : "3", "deadLetterTargetArn" : "arn:aws:sqs:eu-west-1:1:dead" }"#,
        ];
        for policy in policies {
            let redrive = Redrive::parse(policy).unwrap();
            assert_eq!(redrive.max_receives, Some(3));
            assert_eq!(redrive.owner_and_name(), Some(("1", "dead")));
        }
    }

    #[test]
    fn what_is_no_policy_is_none() {
        assert_eq!(Redrive::parse("{}"), None);
        assert_eq!(Redrive::parse(""), None);
        let redrive = Redrive {
            target: "dead".to_owned(),
            max_receives: None,
        };
        assert_eq!(redrive.owner_and_name(), None);
    }
}
