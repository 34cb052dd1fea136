use std::sync::{Mutex, mpsc};
use std::time::Duration;

use tracehop::sqs::SqsSource;
use tracehop::testing::sqs::{Depth, SqsEndpoint};
use tracehop::worker::{Failure, Incoming, Worker};

const DRAIN: Duration = Duration::from_secs(2);

/// Nothing can cancel such a handler: the drain ends without it, and its message comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_drain_ends_past_a_handler_that_blocks_its_thread() {
    let sqs = SqsEndpoint::start().await;
    let (client, url) = (sqs.client(), sqs.queue("orders").create());
    for body in ["block", "two", "three"] {
        let send = client.send_message().queue_url(&url).message_body(body);
        send.send().await.unwrap();
    }
    let (free, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let handler = move |incoming: Incoming| {
        if incoming.text() == Some("block") {
            // Until the other end is dropped.
            blocked.lock().unwrap().recv().unwrap_err();
        }
        async { Ok::<_, Failure>(()) }
    };
    let source = SqsSource::builder(client.clone(), &url).wait_time(Duration::from_secs(1));
    let worker = Worker::new(source.build().unwrap(), handler)
        .concurrency(2)
        .drain(DRAIN);
    let only_it = Depth {
        in_flight: 1,
        ..Depth::default()
    };
    let handle = worker.handle();
    let shutdown = async {
        while sqs.depth("orders") != Some(only_it) || handle.health().in_flight > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };

    // The handler is let go at the end of this test.
    let drained = worker.run_until(shutdown).await.unwrap();
    assert_eq!((drained.finished, drained.abandoned), (0, 1));
    let error = drained.complete().unwrap_err().to_string();
    assert!(
        error.starts_with("close aws_sqs:orders: unfinished"),
        "{error}"
    );

    sqs.advance(Duration::from_secs(30));
    let receive = client.receive_message().queue_url(&url);
    let received = receive.wait_time_seconds(5).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("block"));
    drop(free);
}
