//! The actions on messages, single and in batches.

use std::time::Duration;

use super::actions::{Call, write};
use super::attributes::{Attributes, Fifo};
use super::broker::Broker;
use super::delivery::Want;
use super::digest::{content_id, md5_of_attributes, md5_of_body};
use super::filter::Filter;
use super::limits;
use super::message::{Attribute, Message, Value, random_id};
use super::refusal::{Code, Refusal};
use super::wire::{
    Batch, BatchResult, Done, Entry, FailedEntry, Nothing, ReceiptEntry, Receive, Received,
    SendEntry, SendResult,
};

const WRONG_TYPE: &str = "The request include parameter that is not valid for this queue type.";

pub(super) fn send(broker: &Broker, call: &Call<'_>) -> Result<Vec<u8>, Refusal> {
    let entry = call.read()?;
    let url = call.queue()?;
    write(&send_entry(broker, call, &url, entry)?)
}

pub(super) fn send_batch(broker: &Broker, call: &Call<'_>) -> Result<Vec<u8>, Refusal> {
    let entries = entries::<SendEntry>(call)?;
    let url = call.queue()?;
    limits::check_batch_size(entries.iter().map(limits::size).sum())?;
    let attributes = broker.attributes(&url)?;
    if let Some(fifo) = &attributes.fifo {
        // What a FIFO queue misses in one entry fails all of them.
        for entry in &entries {
            check_fifo(entry, fifo)?;
        }
    }
    each(call, entries, |entry| send_entry(broker, call, &url, entry))
}

pub(super) async fn receive(broker: &Broker, call: &Call<'_>) -> Result<Vec<u8>, Refusal> {
    let request: Receive = call.read()?;
    let url = call.queue()?;
    let fifo = broker.attributes(&url)?.fifo.is_some();
    let most = request.max_number_of_messages.unwrap_or(1);
    let most = usize::try_from(most)
        .ok()
        .filter(|most| (1..=10).contains(most))
        .ok_or_else(|| {
            let reason = "Must be between 1 and 10, if provided.";
            Refusal::value("MaxNumberOfMessages", most, reason)
        })?;
    if let Some(attempt) = &request.attempt {
        if !fifo {
            let parameter = "ReceiveRequestAttemptId";
            return Err(Refusal::value(parameter, attempt, WRONG_TYPE));
        }
        limits::check_token("ReceiveRequestAttemptId", attempt)?;
    }
    let (old, new) = (
        &request.attribute_names,
        &request.message_system_attribute_names,
    );
    let filter = Filter::new(
        old.iter().chain(new).map(String::as_str),
        request.message_attribute_names.iter().map(String::as_str),
    )?;
    let want = Want {
        most,
        visibility_timeout: request
            .visibility_timeout
            .map(check_visibility)
            .transpose()?,
        wait: request
            .wait_time_seconds
            .map(|it| limits::check_seconds("WaitTimeSeconds", it, 0..=20))
            .transpose()?,
        attempt: request.attempt,
    };
    let deliveries = broker.receive(&url, &want).await?;
    let show = |delivery| filter.show(delivery, &broker.clock);
    write(&Received {
        messages: deliveries.iter().map(show).collect(),
    })
}

pub(super) fn delete(broker: &Broker, call: &Call<'_>) -> Result<Vec<u8>, Refusal> {
    let entry = call.read()?;
    delete_entry(broker, &call.queue()?, &entry)?;
    write(&Nothing {})
}

pub(super) fn delete_batch(broker: &Broker, call: &Call<'_>) -> Result<Vec<u8>, Refusal> {
    let entries = entries::<ReceiptEntry>(call)?;
    let url = call.queue()?;
    broker.attributes(&url)?;
    each(call, entries, |entry| {
        delete_entry(broker, &url, &entry)?;
        Ok(Done { id: entry.id })
    })
}

pub(super) fn change_visibility(broker: &Broker, call: &Call<'_>) -> Result<Vec<u8>, Refusal> {
    let entry = call.read()?;
    change_entry(broker, &call.queue()?, &entry)?;
    write(&Nothing {})
}

pub(super) fn change_visibility_batch(
    broker: &Broker,
    call: &Call<'_>,
) -> Result<Vec<u8>, Refusal> {
    let entries = entries::<ReceiptEntry>(call)?;
    let url = call.queue()?;
    broker.attributes(&url)?;
    each(call, entries, |entry| {
        change_entry(broker, &url, &entry)?;
        Ok(Done { id: entry.id })
    })
}

/// The entries of a batch whose ids are in order.
fn entries<E: Entry + serde::de::DeserializeOwned>(call: &Call<'_>) -> Result<Vec<E>, Refusal> {
    let batch: Batch<E> = call.read()?;
    limits::check_batch(batch.entries.iter().map(Entry::id))?;
    Ok(batch.entries)
}

/// Carries out each entry on its own, and answers 200 whatever becomes of them.
fn each<E: Entry, S: serde::Serialize>(
    call: &Call<'_>,
    entries: Vec<E>,
    work: impl Fn(E) -> Result<S, Refusal>,
) -> Result<Vec<u8>, Refusal> {
    let mut result = BatchResult {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    for (position, entry) in entries.into_iter().enumerate() {
        let id = entry.id().to_owned();
        let done = if call.failing.contains(&position) {
            let message = "We encountered an internal error.";
            Err(Refusal::new(Code::InternalError, message))
        } else {
            work(entry)
        };
        match done {
            Ok(done) => result.successful.push(done),
            Err(refusal) => result.failed.push(FailedEntry {
                id,
                code: refusal.code.query().to_owned(),
                sender_fault: refusal.code.is_senders_fault(),
                message: refusal.message,
            }),
        }
    }
    write(&result)
}

fn send_entry(
    broker: &Broker,
    call: &Call<'_>,
    url: &str,
    mut entry: SendEntry,
) -> Result<SendResult, Refusal> {
    let attributes = broker.attributes(url)?;
    let id = std::mem::take(&mut entry.id);
    let delay = check_delay(&entry, &attributes)?;
    let mut message = check_message(broker, entry, &attributes)?;
    let system_attributes_md5 = message.trace_header.as_deref().and_then(trace_header_md5);
    if message.trace_header.is_none() {
        let header = call.trace_header.filter(|it| limits::is_trace_header(it));
        message.trace_header = header.map(str::to_owned);
    }
    let body_md5 = message.body_md5.clone();
    let named = message.attributes.iter();
    let attributes_md5 = md5_of_attributes(named.map(|(name, it)| (name.as_str(), it)));
    let sent = broker.send(url, message, delay)?;
    Ok(SendResult {
        id,
        message_id: sent.message_id,
        body_md5,
        attributes_md5,
        system_attributes_md5,
        sequence_number: sent.sequence,
    })
}

fn check_message(
    broker: &Broker,
    entry: SendEntry,
    attributes: &Attributes,
) -> Result<Message, Refusal> {
    let size = limits::size(&entry);
    if let Some(fifo) = &attributes.fifo {
        check_fifo(&entry, fifo)?;
    } else if let Some(id) = &entry.message_deduplication_id {
        return Err(Refusal::value("MessageDeduplicationId", id, WRONG_TYPE));
    }
    for (parameter, token) in [
        ("MessageGroupId", &entry.message_group_id),
        ("MessageDeduplicationId", &entry.message_deduplication_id),
    ] {
        if let Some(token) = token {
            limits::check_token(parameter, token)?;
        }
    }
    let body = limits::check_body(entry.message_body)?;
    let user = limits::check_attributes(entry.message_attributes)?;
    let trace_header = limits::check_system_attributes(entry.message_system_attributes)?;
    limits::check_size(size, attributes.maximum_message_size)?;
    let by_content = || attributes.fifo.is_some().then(|| content_id(&body));
    Ok(Message {
        id: random_id(),
        body_md5: md5_of_body(&body),
        attributes: user,
        trace_header,
        group: entry.message_group_id.map(Into::into),
        deduplication_id: entry.message_deduplication_id.or_else(by_content),
        sequence: None,
        sent: broker.clock.now(),
        dead_letter_source: None,
        body,
    })
}

/// A FIFO queue takes its own delay only; zero stands for that.
fn check_delay(entry: &SendEntry, attributes: &Attributes) -> Result<Option<Duration>, Refusal> {
    match (entry.delay_seconds, &attributes.fifo) {
        (None, _) | (Some(0), Some(_)) => Ok(None),
        (Some(delay), Some(_)) => Err(Refusal::value("DelaySeconds", delay, WRONG_TYPE)),
        (Some(delay), None) => limits::check_seconds("DelaySeconds", delay, 0..=900).map(Some),
    }
}

fn check_fifo(entry: &SendEntry, fifo: &Fifo) -> Result<(), Refusal> {
    if entry.message_group_id.is_none() {
        return Err(Refusal::missing("MessageGroupId"));
    }
    if entry.message_deduplication_id.is_none() && !fifo.content_based_deduplication {
        return Err(Refusal::invalid(
            "The queue should either have ContentBasedDeduplication enabled or \
             MessageDeduplicationId provided explicitly",
        ));
    }
    Ok(())
}

fn delete_entry(broker: &Broker, url: &str, entry: &ReceiptEntry) -> Result<(), Refusal> {
    broker.delete_message(url, handle(entry)?)
}

fn change_entry(broker: &Broker, url: &str, entry: &ReceiptEntry) -> Result<(), Refusal> {
    let missing = || Refusal::missing("VisibilityTimeout");
    let timeout = check_visibility(entry.visibility_timeout.ok_or_else(missing)?)?;
    broker.change_visibility(url, handle(entry)?, timeout)
}

fn handle(entry: &ReceiptEntry) -> Result<&str, Refusal> {
    let handle = entry.receipt_handle.as_deref();
    handle.ok_or_else(|| Refusal::missing("ReceiptHandle"))
}

fn check_visibility(seconds: i64) -> Result<Duration, Refusal> {
    limits::check_seconds("VisibilityTimeout", seconds, 0..=43_200)
}

/// The digest of the system attributes: as that of attributes, over this one.
fn trace_header_md5(header: &str) -> Option<String> {
    let attribute = Attribute {
        data_type: "String".to_owned(),
        value: Value::Text(header.to_owned()),
    };
    md5_of_attributes([("AWSTraceHeader", &attribute)])
}
