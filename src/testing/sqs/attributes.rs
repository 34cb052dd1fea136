//! The attributes of a queue: their defaults, ranges and rules.
//!
//! Source: `CreateQueue` and `SetQueueAttributes` in the SQS API reference (2012-11-05).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::limits::MAXIMUM_SIZE;
use super::refusal::{Code, Refusal};

pub(super) const ARN_PREFIX: &str = "arn:aws:sqs:us-east-1:000000000000:";

/// Kept as they were given and given back, without effect here.
const INERT: [&str; 5] = [
    "Policy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) visibility_timeout: Duration,
    pub(super) delay: Duration,
    pub(super) receive_wait: Duration,
    pub(super) retention: Duration,
    /// In bytes, with attributes.
    pub(super) maximum_message_size: usize,
    pub(super) redrive: Option<Redrive>,
    pub(super) fifo: Option<Fifo>,
    inert: BTreeMap<String, String>,
}

/// Where a message goes that was received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The name of the dead-letter queue.
    pub(super) target: String,
    pub(super) max_receive_count: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fifo {
    pub(super) content_based_deduplication: bool,
    /// `DeduplicationScope`: whether ids need to differ only within a group.
    pub(super) deduplicates_by_group: bool,
    /// `FifoThroughputLimit`, without effect here.
    limited_by_group: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::from_secs(30),
            delay: Duration::ZERO,
            receive_wait: Duration::ZERO,
            retention: Duration::from_hours(96),
            maximum_message_size: MAXIMUM_SIZE,
            redrive: None,
            fifo: None,
            inert: BTreeMap::new(),
        }
    }
}

impl Attributes {
    /// The attributes of a queue of this name, which must fit its type.
    pub(super) fn create(name: &str, given: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        check_name(name)?;
        let fifo = given.get("FifoQueue").map(String::as_str);
        let mut attributes = Self {
            fifo: match (is_fifo(name), fifo) {
                (true, Some("true")) => Some(Fifo::default()),
                (false, None) => None,
                (true, _) => {
                    let message = "The name of a FIFO queue must end with .fifo, and FifoQueue \
                                   must be true.";
                    return Err(Refusal::invalid(message));
                }
                (false, Some(_)) => return Err(unknown("FifoQueue")),
            },
            ..Self::default()
        };
        for (name, value) in given.iter().filter(|(name, _)| *name != "FifoQueue") {
            attributes.set(name, value)?;
        }
        Ok(attributes)
    }

    /// Changes one attribute. Whether a dead-letter target exists is for the caller to see.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match (name, &mut self.fifo) {
            ("VisibilityTimeout", _) => {
                self.visibility_timeout = seconds(name, value, 0..=43_200)?;
            }
            ("DelaySeconds", _) => self.delay = seconds(name, value, 0..=900)?,
            ("ReceiveMessageWaitTimeSeconds", _) => {
                self.receive_wait = seconds(name, value, 0..=20)?;
            }
            ("MessageRetentionPeriod", _) => {
                self.retention = seconds(name, value, 60..=1_209_600)?;
            }
            ("MaximumMessageSize", _) => {
                self.maximum_message_size = number(name, value, 1024..=1_048_576)?;
            }
            ("RedrivePolicy", _) => self.redrive = Redrive::parse(value)?,
            ("FifoQueue", _) => {
                let message = "Invalid value for the parameter FifoQueue. Reason: Modifying queue \
                               type is not supported.";
                return Err(Refusal::new(Code::InvalidAttributeValue, message));
            }
            ("ContentBasedDeduplication", Some(fifo)) => {
                fifo.content_based_deduplication = one_of(name, value, ["false", "true"])?;
            }
            ("DeduplicationScope", Some(fifo)) => {
                fifo.deduplicates_by_group = one_of(name, value, ["queue", "messageGroup"])?;
            }
            ("FifoThroughputLimit", Some(fifo)) => {
                fifo.limited_by_group = one_of(name, value, ["perQueue", "perMessageGroupId"])?;
            }
            _ if INERT.contains(&name) => {
                self.inert.insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// As `GetQueueAttributes` shows them.
    pub(super) fn render(&self) -> BTreeMap<String, String> {
        let mut all = self.inert.clone();
        let mut put = |name: &str, value: String| all.insert(name.to_owned(), value);
        let seconds = |duration: Duration| duration.as_secs().to_string();
        put("VisibilityTimeout", seconds(self.visibility_timeout));
        put("DelaySeconds", seconds(self.delay));
        put("ReceiveMessageWaitTimeSeconds", seconds(self.receive_wait));
        put("MessageRetentionPeriod", seconds(self.retention));
        put("MaximumMessageSize", self.maximum_message_size.to_string());
        if let Some(redrive) = &self.redrive {
            put("RedrivePolicy", redrive.render());
        }
        if let Some(fifo) = &self.fifo {
            let choice = |second: bool, names: [&str; 2]| names[usize::from(second)].to_owned();
            put("FifoQueue", "true".to_owned());
            put(
                "ContentBasedDeduplication",
                fifo.content_based_deduplication.to_string(),
            );
            put(
                "DeduplicationScope",
                choice(fifo.deduplicates_by_group, ["queue", "messageGroup"]),
            );
            put(
                "FifoThroughputLimit",
                choice(fifo.limited_by_group, ["perQueue", "perMessageGroupId"]),
            );
        }
        all
    }

    /// The name of an attribute in which the two differ, for the refusal of a second `CreateQueue`.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let (mine, theirs) = (self.render(), other.render());
        let differs = |name: &&String| mine.get(*name) != theirs.get(*name);
        mine.keys().chain(theirs.keys()).find(differs).cloned()
    }
}

impl Redrive {
    /// Reads the policy's JSON; an empty policy is none.
    fn parse(policy: &str) -> Result<Option<Self>, Refusal> {
        if policy.is_empty() {
            return Ok(None);
        }
        let refuse = |reason: &str| Refusal::value("RedrivePolicy", policy, reason);
        let json: Value = serde_json::from_str(policy)
            .map_err(|_| refuse("Redrive policy is not valid JSON."))?;
        let target = json["deadLetterTargetArn"]
            .as_str()
            .and_then(|arn| arn.strip_prefix(ARN_PREFIX))
            .ok_or_else(|| refuse("deadLetterTargetArn must be the ARN of a queue here."))?;
        let count = &json["maxReceiveCount"];
        let max_receive_count = count
            .as_u64()
            .or_else(|| count.as_str()?.parse().ok())
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| (1..=1000).contains(count))
            .ok_or_else(|| {
                refuse("Invalid value for maxReceiveCount, valid values are from 1 to 1000 both inclusive.")
            })?;
        Ok(Some(Self {
            target: target.to_owned(),
            max_receive_count,
        }))
    }

    /// The policy that sends a message to a queue after this many receives, in JSON.
    pub(super) fn render(&self) -> String {
        serde_json::json!({
            "deadLetterTargetArn": format!("{ARN_PREFIX}{}", self.target),
            "maxReceiveCount": self.max_receive_count,
        })
        .to_string()
    }
}

/// The name alone says the type of a queue.
pub(super) fn is_fifo(name: &str) -> bool {
    name.strip_suffix(".fifo").is_some()
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let plain = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=80).contains(&name.len()) && !plain.is_empty() && plain.chars().all(allowed) {
        return Ok(());
    }
    Err(Refusal::invalid(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}

fn seconds(name: &str, value: &str, range: RangeInclusive<usize>) -> Result<Duration, Refusal> {
    Ok(Duration::from_secs(number(name, value, range)? as u64))
}

fn number(name: &str, value: &str, range: RangeInclusive<usize>) -> Result<usize, Refusal> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| invalid(name))
}

/// Whether the value is the second of the two that are allowed.
fn one_of(name: &str, value: &str, allowed: [&str; 2]) -> Result<bool, Refusal> {
    let position = allowed.iter().position(|it| *it == value);
    position.map(|it| it == 1).ok_or_else(|| invalid(name))
}

fn invalid(name: &str) -> Refusal {
    Refusal::new(
        Code::InvalidAttributeValue,
        format!("Invalid value for the parameter {name}."),
    )
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(
        Code::InvalidAttributeName,
        format!("Unknown Attribute {name}."),
    )
}
