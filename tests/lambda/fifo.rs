//! The partial batch response of a FIFO queue, whose order is kept.

use std::sync::Mutex;

use aws_lambda_events::sqs::SqsMessage;

use crate::support::{Traced, again, attribute, fifo_event, links};

#[tokio::test]
async fn a_fifo_queue_stops_at_the_first_failure_and_all_from_there_come_again() {
    let traced = Traced::new();
    let handled = Mutex::new(Vec::new());
    let handler = |message: SqsMessage| {
        let handled = &handled;
        async move {
            let order = message.body.unwrap_or_default();
            handled.lock().unwrap().push(order.clone());
            if order == "order 2" {
                return Err("out of stock");
            }
            Ok(())
        }
    };
    let response = traced.function.handle_sqs(fifo_event(), handler).await;
    assert_eq!(handled.into_inner().unwrap(), ["order 1", "order 2"]);
    let again: Vec<_> = again(&response).into_iter().map(|id| &id[..8]).collect();
    assert_eq!(again, ["00000002", "00000003", "00000004"]);

    let (event, records) = traced.spans();
    assert_eq!(event.name, "process orders.fifo");
    assert_eq!(records.len(), 2, "what was not handled has no span");
    let failed = attribute(&event, "tracehop.batch.failed_count");
    assert_eq!(failed.as_deref(), Some("1"));
    assert!(links(&event).is_empty());
}

#[tokio::test]
async fn a_panic_stops_a_fifo_queue_too() {
    let traced = Traced::new();
    let handler = |message: SqsMessage| async move {
        assert_ne!(message.body.as_deref(), Some("order 1"));
        Ok::<_, std::convert::Infallible>(())
    };
    let response = traced.function.handle_sqs(fifo_event(), handler).await;
    assert_eq!(again(&response).len(), 4);
    assert_eq!(traced.spans().1.len(), 1);
}
