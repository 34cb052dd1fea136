use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::builder::Settings;
use super::commits::Committer;
use super::driver::{Driver, Opening};
use super::group::{Event, Group};
use super::shared::Shared;
use crate::contract::{Destination, Error, ErrorKind, Operation, Result};
use crate::kafka::error::failure;

/// How long the brokers may take to say whether the topic is there.
const LOOK: Duration = Duration::from_secs(10);

/// How long after that the client may take to say what it met.
const SAY: Duration = Duration::from_millis(500);

/// Starts the thread of a source, and waits until it is a member of its group.
pub(super) async fn start(
    config: ClientConfig,
    settings: Settings,
    shared: Arc<Shared>,
) -> Result<()> {
    let (opened, opening) = oneshot::channel();
    let destination = Arc::clone(&shared.reader.main);
    thread::Builder::new()
        .name("tracehop-kafka".to_owned())
        .spawn(move || {
            let _ended = Ended(Arc::clone(&shared));
            shared.driven_by(thread::current());
            match consumer(&config, &shared) {
                Ok((consumer, committer)) => {
                    let opening = Opening::new(opened);
                    Driver::new(consumer, shared, settings, committer, opening).run();
                }
                // Nobody waits any more: there is nothing to close.
                Err(error) => drop(opened.send(Err(error))),
            }
        })
        .map_err(|error| no_thread(&destination, &error))?;
    opening.await.unwrap_or_else(|_| {
        let (kind, detail) = (ErrorKind::Closed, "the thread of the source has ended");
        Err(Error::new(Operation::Open, &destination, kind, detail))
    })
}

/// Asks whether a topic is there, and ours to read.
pub(super) fn look(
    consumer: &impl Consumer<Group>,
    topic: &Destination,
    operation: Operation,
    timeout: Duration,
) -> Result<()>
where
{
    let metadata = consumer
        .client()
        .fetch_metadata(Some(&topic.name), timeout)
        .map_err(|error| failure(operation, topic, &error, None))?;
    let told = metadata
        .topics()
        .iter()
        .find(|told| told.name() == topic.name);
    let code = told
        .and_then(MetadataTopic::error)
        .map(RDKafkaErrorCode::from);
    match code {
        // It has just been made.
        None | Some(RDKafkaErrorCode::LeaderNotAvailable) => Ok(()),
        Some(code) => {
            let error = KafkaError::MetadataFetch(code);
            Err(failure(operation, topic, &error, None))
        }
    }
}

/// A consumer that has subscribed to the topics, which are there.
fn consumer(
    config: &ClientConfig,
    shared: &Arc<Shared>,
) -> Result<(Arc<BaseConsumer<Group>>, Committer)> {
    let main = &shared.reader.main;
    let open = |error: &KafkaError| failure(Operation::Open, main, error, None);
    let mut consumer: BaseConsumer<Group> = config
        .create_with_context(Group::default())
        .map_err(|error| open(&error))?;
    let topics: Vec<_> = [Some(main), shared.reader.retries.as_ref()]
        .into_iter()
        .flatten()
        .collect();
    for topic in &topics {
        look(&consumer, topic, Operation::Open, LOOK)
            .map_err(|error| why(&consumer, topic, error))?;
    }
    let driver = thread::current();
    consumer.set_nonempty_callback(move || driver.unpark());
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    consumer.subscribe(&names).map_err(|error| open(&error))?;
    let consumer = Arc::new(consumer);
    let committer = Committer::start(&consumer, shared).map_err(|error| no_thread(main, &error))?;
    Ok((consumer, committer))
}

/// The error with the reason that the client gave meanwhile: for a broker that cannot be reached
/// the call itself says no more than that it took too long.
fn why(consumer: &BaseConsumer<Group>, topic: &Destination, error: Error) -> Error {
    if !error.retryable() {
        return error;
    }
    let until = Instant::now() + SAY;
    while Instant::now() < until {
        // It serves logs too, one at a time, and they bring no event.
        consumer.poll(Duration::ZERO);
        match consumer.context().next() {
            Some(Event::Trouble(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), _)) => {}
            Some(Event::Trouble(said, reason)) => {
                return failure(Operation::Open, topic, &said, Some(&reason));
            }
            Some(_) => {}
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
    error
}

fn no_thread(topic: &Destination, error: &std::io::Error) -> Error {
    let detail = format!("no thread could be started: {error}");
    Error::new(Operation::Open, topic, ErrorKind::Unavailable, detail)
}

/// Says that the thread has ended, however it did.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        let Self(shared) = self;
        shared.change(|state| {
            if thread::panicking() {
                let (kind, detail) = (ErrorKind::Closed, "the thread of the source panicked");
                let main = &shared.reader.main;
                state.fail(Error::new(Operation::Receive, main, kind, detail));
            }
            let places = state.places();
            state.unassigned(&places);
            state.end();
        });
    }
}
