use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracehop::worker::{Failure, Incoming, Worker};

use super::common;
use super::support::{Handled, LIMIT, Topic};

/// Kafka dies and comes back under a running worker, who goes on by itself.
#[tokio::test]
async fn a_worker_survives_a_crash_of_the_broker() {
    if common::kafka().is_none() {
        return;
    }
    let mut server = Server::start().await;
    let topic = Topic::create(&server.brokers(), 3).await;
    let handled = Handled::new();
    let records = handled.clone();
    let worker = Worker::new(
        topic.source().build().unwrap(),
        move |incoming: Incoming| {
            let records = records.clone();
            async move {
                let number = incoming.text().unwrap().parse()?;
                sleep(Duration::from_millis(5)).await;
                records.record(number);
                Ok::<_, Failure>(())
            }
        },
    );
    let handle = worker.handle();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run_until(stopped));

    topic.send(0..2_000).await;
    handled.has(500).await;
    server.kill().await;
    until(|| !handle.health().is_ready()).await;
    server.come_back();
    handled.has(2_000).await;
    topic.send(2_000..2_500).await;
    handled.has(2_500).await;
    until(|| handle.health().is_ready()).await;

    stop.send(()).unwrap();
    running.await.unwrap().unwrap().complete().unwrap();
    let duplicates = handled.duplicates();
    #[expect(clippy::print_stdout, reason = "the count is a figure, not a verdict")]
    {
        println!("2500 messages, the broker killed once: 0 lost, {duplicates} duplicates");
    }
}

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap();
}

/// A Kafka beside the one that the other tests use. It keeps its data over a crash.
struct Server {
    port: u16,
    /// Once it has come back.
    process: Option<Child>,
    command: Vec<String>,
}

impl Server {
    async fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = Self {
            port: free.local_addr().unwrap().port(),
            process: None,
            command: Vec::new(),
        };
        drop(free);
        let run = Command::new(root().join("localstack/start"))
            .arg("kafka")
            .env("TRACEHOP_KAFKA_PORT", server.port.to_string())
            .status();
        assert!(run.await.unwrap().success(), "localstack/start failed");
        let line = std::fs::read(format!("/proc/{}/cmdline", server.pid())).unwrap();
        let words = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty());
        let words = words.map(|word| String::from_utf8(word.to_vec()).unwrap());
        server.command = words.collect();
        server
    }

    fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn state(&self) -> PathBuf {
        root().join(format!("target/brokers/running/kafka-{}", self.port))
    }

    fn pid(&self) -> String {
        let facts = std::fs::read_to_string(self.state().join("pid")).unwrap();
        facts.split_whitespace().next().unwrap().to_owned()
    }

    async fn kill(&self) {
        let killed = Command::new("kill").args(["-KILL", &self.pid()]).status();
        assert!(killed.await.unwrap().success());
    }

    fn come_back(&mut self) {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).current_dir(self.state());
        command
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true);
        self.process = Some(command.spawn().unwrap());
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
