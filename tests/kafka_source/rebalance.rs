//! Members of a group that join and leave under load, under each protocol.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracehop::kafka::GroupProtocol;
use tracehop::worker::{Drained, Failure, Incoming, Worker};

use super::common;
use super::support::{Handled, LIMIT, Topic};

const MESSAGES: usize = 4_000;

#[tokio::test]
async fn eager_members_come_and_go_and_nothing_is_lost() {
    members_come_and_go(GroupProtocol::Eager).await;
}

#[tokio::test]
async fn cooperative_members_come_and_go_and_nothing_is_lost() {
    members_come_and_go(GroupProtocol::Cooperative).await;
}

#[tokio::test]
async fn members_of_the_consumer_protocol_come_and_go_and_nothing_is_lost() {
    members_come_and_go(GroupProtocol::Consumer).await;
}

/// A member that has to give partitions away finishes what it has in hand of them first, so that
/// nothing is even handled twice.
async fn members_come_and_go(protocol: GroupProtocol) {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 6).await;
    let handled = Handled::new();
    let first = member(&topic, protocol, &handled);
    topic.send(0..MESSAGES / 2).await;
    handled.has(MESSAGES / 20).await;
    let second = member(&topic, protocol, &handled);
    handled.has(MESSAGES / 4).await;
    let third = member(&topic, protocol, &handled);
    topic.send(MESSAGES / 2..MESSAGES).await;
    handled.has(MESSAGES / 2).await;
    first.leave_in_the_middle().await;
    handled.has(MESSAGES * 3 / 4).await;
    second.leave().await;
    handled.has(MESSAGES).await;
    third.leave().await;
    assert_eq!(handled.duplicates(), 0);
}

struct Member {
    /// A handler is to wait for the end, and says so.
    hold: CancellationToken,
    held: CancellationToken,
    stop: CancellationToken,
    running: JoinHandle<Drained>,
}

impl Member {
    async fn leave_in_the_middle(self) {
        self.hold.cancel();
        let held = timeout(LIMIT, self.held.cancelled()).await;
        held.expect("a message in hand in time");
        assert!(self.leave().await.finished > 0);
    }

    async fn leave(self) -> Drained {
        self.stop.cancel();
        self.running.await.unwrap()
    }
}

fn member(topic: &Topic, protocol: GroupProtocol, handled: &Handled) -> Member {
    let handled = handled.clone();
    let source = topic.source().protocol(protocol).build().unwrap();
    let [hold, held, stop] = std::array::from_fn(|_| CancellationToken::new());
    let signals = [hold.clone(), held.clone(), stop.clone()];
    let worker = Worker::new(source, move |incoming: Incoming| {
        let (handled, [hold, held, stop]) = (handled.clone(), signals.clone());
        async move {
            let number = incoming.text().unwrap().parse()?;
            sleep(Duration::from_millis(fastrand::u64(..20))).await;
            if hold.is_cancelled() {
                held.cancel();
                stop.cancelled().await;
            }
            handled.record(number);
            Ok::<_, Failure>(())
        }
    });
    let stopped = stop.clone();
    let running = tokio::spawn(async move {
        let drained = worker.run_until(stopped.cancelled()).await.unwrap();
        drained.complete().unwrap()
    });
    Member {
        hold,
        held,
        stop,
        running,
    }
}
