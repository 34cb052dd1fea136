//! A wire to a broker, to be cut or held.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to a broker, until it is dropped.
pub(crate) struct Proxy {
    port: u16,
    wire: Arc<watch::Sender<Wire>>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Whole,
    /// Nothing that the broker says comes through.
    Deaf,
    /// Nothing that the client says does.
    Mute,
    Cut,
}

impl Proxy {
    /// A wire to the broker of that URL.
    pub(crate) async fn to(url: &str) -> Self {
        let (_, host) = url.rsplit_once('@').unwrap();
        let broker = host.split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Arc::new(watch::Sender::new(Wire::Whole));
        let seen = Arc::clone(&wire);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&broker).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(copy(from_client, to_server, seen.subscribe(), false));
                tokio::spawn(copy(from_server, to_client, seen.subscribe(), true));
            }
        });
        Self {
            port,
            wire,
            accepting,
        }
    }

    /// The URL with this wire in place of the broker.
    pub(crate) fn url(&self, url: &str) -> String {
        let (user, host) = url.rsplit_once('@').unwrap();
        let (_, path) = host.split_once('/').unwrap();
        format!("{user}@127.0.0.1:{}/{path}", self.port)
    }

    /// From now on what the broker says stays on the wire.
    pub(crate) fn deafen(&self) {
        self.wire.send_replace(Wire::Deaf);
    }

    /// From now on what the client says stays on the wire.
    pub(crate) fn mute(&self) {
        self.wire.send_replace(Wire::Mute);
    }

    /// Cuts every connection. New ones come through.
    pub(crate) fn cut(&self) {
        self.wire.send_replace(Wire::Cut);
        self.wire.send_replace(Wire::Whole);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.wire.send_replace(Wire::Cut);
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut wire: watch::Receiver<Wire>,
    from_broker: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let held = match *wire.borrow_and_update() {
            Wire::Deaf => from_broker,
            Wire::Mute => !from_broker,
            Wire::Whole | Wire::Cut => false,
        };
        let count = tokio::select! {
            // What is said after a change is none of what came through before it.
            biased;
            changed = wire.changed() => match changed {
                // A cut that is over already is still a cut.
                Ok(()) if matches!(*wire.borrow(), Wire::Deaf | Wire::Mute) => continue,
                _ => return,
            },
            read = from.read(&mut buffer), if !held => read,
        };
        let Ok(count @ 1..) = count else { return };
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
