//! A RabbitMQ beside the one that the other tests use, to be stopped and killed.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Stopped when it is dropped.
pub(crate) struct Instance {
    port: u16,
}

impl Instance {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let instance = Self { port };
        instance.run("start", false);
        instance
    }

    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Ends it with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let state = root.join(format!("target/brokers/running/rabbitmq-{}", self.port));
        let pid = std::fs::read_to_string(state.join("pid")).unwrap();
        let pid = pid.split_whitespace().next().unwrap();
        let killed = Command::new("kill").args(["-9", pid]).status().unwrap();
        assert!(killed.success());
        while Path::new("/proc").join(pid).exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Starts it again with what it had.
    pub(crate) fn start_again(&self) {
        self.run("start", true);
    }

    pub(crate) fn ctl(&self, arguments: &[&str]) {
        let status = self.script("rabbitmqctl").args(arguments).status().unwrap();
        assert!(status.success(), "rabbitmqctl {arguments:?}");
    }

    fn run(&self, script: &str, keep: bool) {
        let mut command = self.script(script);
        if keep {
            command.env("TRACEHOP_KEEP_STATE", "1");
        }
        let status = command.arg("rabbitmq").status().unwrap();
        assert!(status.success(), "localstack/{script} failed");
    }

    fn script(&self, name: &str) -> Command {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("localstack");
        let mut command = Command::new(scripts.join(name));
        command.env("TRACEHOP_RABBITMQ_PORT", self.port.to_string());
        command
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.script("stop").arg("rabbitmq").status());
    }
}
