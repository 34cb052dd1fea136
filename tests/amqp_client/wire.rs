//! A wire to the broker that holds back what the client says.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes one connection on to a broker.
pub(crate) struct Wire {
    address: SocketAddr,
    held: watch::Sender<bool>,
}

impl Wire {
    /// A wire to the broker of that URL.
    pub(crate) async fn to(url: &str) -> Self {
        let broker = broker(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (held, mut is_held) = watch::channel(false);
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let server = TcpStream::connect(broker).await.unwrap();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                if is_held.wait_for(|held| !held).await.is_err() {
                    return;
                }
                to_server.write_all(&buffer[..count]).await.unwrap();
            }
        });
        Self { address, held }
    }

    /// The URL with this wire in place of the broker.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(broker(url), &self.address.to_string())
    }

    /// From now on what the client says stays on the wire.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }
}

/// Host and port of a URL.
fn broker(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split('/').next().unwrap()
}
