//! A broker beside the one that the other tests use, to be stopped and killed.

use std::net::TcpListener;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::process::Command;

/// Stopped when it is dropped.
pub(crate) struct Instance {
    /// As the scripts call the broker.
    name: &'static str,
    port: u16,
    url: String,
}

impl Instance {
    pub(crate) async fn kafka() -> Self {
        Self::start("kafka", |port| format!("127.0.0.1:{port}")).await
    }

    pub(crate) async fn localstack() -> Self {
        Self::start("localstack", |port| format!("http://127.0.0.1:{port}")).await
    }

    pub(crate) async fn rabbitmq() -> Self {
        let url = |port| format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
        Self::start("rabbitmq", url).await
    }

    /// Where it is, in the form in which the others of its kind are known.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) async fn stop(&self) {
        self.run("stop", false).await;
    }

    /// Ends it with SIGKILL, and waits until it is gone.
    pub(crate) async fn kill(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let state = root.join(format!(
            "target/brokers/running/{}-{}",
            self.name, self.port
        ));
        let pid = std::fs::read_to_string(state.join("pid")).unwrap();
        let pid = pid.split_whitespace().next().unwrap();
        let killed = Command::new("kill").args(["-9", pid]).status().await;
        assert!(killed.unwrap().success());
        while Path::new("/proc").join(pid).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts it again, with what it had on disk.
    pub(crate) async fn start_again(&self) {
        self.run("start", true).await;
    }

    /// Has RabbitMQ's own tool do something.
    pub(crate) async fn ctl(&self, arguments: &[&str]) {
        let status = self.script("rabbitmqctl").args(arguments).status().await;
        assert!(status.unwrap().success(), "rabbitmqctl {arguments:?}");
    }

    async fn start(name: &'static str, url: impl FnOnce(u16) -> String) -> Self {
        let port = free_port();
        let instance = Self {
            name,
            port,
            url: url(port),
        };
        instance.run("start", false).await;
        instance
    }

    async fn run(&self, script: &str, keep: bool) {
        let mut command = self.script(script);
        if keep {
            command.env("TRACEHOP_KEEP_STATE", "1");
        }
        let status = command.arg(self.name).status().await;
        assert!(status.unwrap().success(), "localstack/{script} failed");
    }

    fn script(&self, name: &str) -> Command {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("localstack");
        let variable = format!("TRACEHOP_{}_PORT", self.name.to_uppercase());
        let mut command = Command::new(scripts.join(name));
        command.env(variable, self.port.to_string());
        command
    }
}

/// A free port, and the two after it, which some brokers take besides. They are below those that the
/// system hands out, one of which a client might be given before the broker has it.
fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..1200)));
    loop {
        let port = 20_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 1200 * 10;
        if (port..port + 3).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let mut stop = self.script("stop").into_std();
        drop(stop.arg(self.name).status());
    }
}
