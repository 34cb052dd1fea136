//! The JSON of the protocol: what comes in, what goes out.
//!
//! Fields are optional where AWS answers for a missing one with an error of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The part that nearly all requests share. It is read on its own, so that one entry type serves
/// an action and its batch form.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Addressed {
    pub(super) queue_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<E> {
    #[serde(default = "Vec::new")]
    pub(super) entries: Vec<E>,
}

/// A message to send. `SendMessage` has no id.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEntry {
    #[serde(default)]
    pub(super) id: String,
    pub(super) message_body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    #[serde(default)]
    pub(super) message_attributes: BTreeMap<String, AttributeIn>,
    #[serde(default)]
    pub(super) message_system_attributes: BTreeMap<String, AttributeIn>,
    pub(super) message_deduplication_id: Option<String>,
    pub(super) message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeIn {
    pub(super) data_type: Option<String>,
    pub(super) string_value: Option<String>,
    /// In base64.
    pub(super) binary_value: Option<String>,
}

/// A receipt to delete, or whose visibility is to change. The single forms have no id.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiptEntry {
    #[serde(default)]
    pub(super) id: String,
    pub(super) receipt_handle: Option<String>,
    pub(super) visibility_timeout: Option<i64>,
}

/// An entry of a batch.
pub(super) trait Entry {
    fn id(&self) -> &str;
}

impl Entry for SendEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Entry for ReceiptEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_system_attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_attribute_names: Vec<String>,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) visibility_timeout: Option<i64>,
    pub(super) wait_time_seconds: Option<i64>,
    #[serde(rename = "ReceiveRequestAttemptId")]
    pub(super) attempt: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamedQueue {
    pub(super) queue_name: Option<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewAttributes {
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeNames {
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    #[serde(default)]
    pub(super) queue_name_prefix: String,
}

/// The answer of the actions that answer nothing.
#[derive(Serialize)]
pub(super) struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    pub(super) queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrls {
    pub(super) queue_urls: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueAttributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendResult {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) id: String,
    pub(super) message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    pub(super) body_md5: String,
    #[serde(
        rename = "MD5OfMessageAttributes",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) attributes_md5: Option<String>,
    #[serde(
        rename = "MD5OfMessageSystemAttributes",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) system_attributes_md5: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sequence_number: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Done {
    pub(super) id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchResult<S> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) successful: Vec<S>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failed: Vec<FailedEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FailedEntry {
    pub(super) id: String,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) sender_fault: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) messages: Vec<ReceivedMessage<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceivedMessage<'a> {
    pub(super) message_id: &'a str,
    pub(super) receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    pub(super) body_md5: &'a str,
    pub(super) body: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<&'static str, String>,
    #[serde(
        rename = "MD5OfMessageAttributes",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) attributes_md5: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) message_attributes: BTreeMap<&'a str, AttributeOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeOut<'a> {
    pub(super) data_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) binary_value: Option<String>,
}
