use std::time::Duration;

use super::common::killed::{MESSAGES, nothing_is_lost};
use super::{common, support};

/// What SIGKILL leaves in hand comes again after its visibility timeout, to the next worker.
#[tokio::test]
async fn a_killed_worker_loses_nothing() {
    let Some(url) = common::localstack() else {
        return;
    };
    let client = support::client(&url);
    let queue = support::queue(&client, 4).await;
    support::send(&client, &queue, 0..MESSAGES).await;
    let _second = nothing_is_lost(|| support::example("sqs_worker", &url, &queue)).await;
    while support::depth(&client, &queue).await != (0, 0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
