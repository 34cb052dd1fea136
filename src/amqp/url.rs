use std::fmt;
use std::str::FromStr;

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};

use crate::contract::{Destination, Error, ErrorKind, Operation, Server, System};

/// The URL of a RabbitMQ server, as `amqp://user:password@host:5672/vhost`, which shows its
/// credentials nowhere: neither in `Debug` or `Display` nor in an error.
///
/// Defaults: user and password `guest`, port 5672 (`amqps`: 5671), virtual host `/`, which is
/// written `%2f` where something follows. Source: RabbitMQ URI specification.
#[derive(Clone, PartialEq, Eq)]
pub struct AmqpUrl(AMQPUri);

impl AmqpUrl {
    /// Connects as `lapin::Connection::connect_uri` does, on the Tokio runtime that is current.
    ///
    /// # Errors
    /// lapin's own: the server cannot be reached, or refuses the credentials or the virtual host.
    pub async fn connect(&self, properties: ConnectionProperties) -> lapin::Result<Connection> {
        Connection::connect_uri(self.0.clone(), properties).await
    }

    /// The host and the port.
    pub fn server(&self) -> Server {
        Server {
            address: self.0.authority.host.clone(),
            port: Some(self.0.authority.port),
        }
    }
}

impl FromStr for AmqpUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        // The parser's own error may repeat the URL.
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            let nowhere = Destination::new(System::RabbitMq, "");
            let detail = "not a URL of the scheme amqp or amqps";
            Error::new(Operation::Open, &nowhere, ErrorKind::Config, detail)
        })?;
        // The parser (amq-protocol-uri 10.6) puts localhost in the place of an IPv6 address.
        if let Some(server) = Server::from_url(url).filter(|server| server.address.contains(':')) {
            uri.authority.host = server.address;
        }
        Ok(Self(uri))
    }
}

/// Without user and password.
impl fmt::Display for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri {
            scheme,
            authority,
            vhost,
            ..
        } = &self.0;
        let vhost = vhost.replace('/', "%2f");
        write!(
            f,
            "{scheme}://{}:{}/{vhost}",
            authority.host, authority.port
        )
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpUrl({self})")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn server(url: &str) -> (String, Option<u16>) {
        let server = url.parse::<AmqpUrl>().unwrap().server();
        (server.address, server.port)
    }

    #[test]
    fn the_server_of_a_url_has_its_port_or_the_schemes_own() {
        let host = "rabbit.example".to_owned();
        assert_eq!(
            server("amqp://user:secret@rabbit.example:5673/%2f"),
            (host.clone(), Some(5673))
        );
        assert_eq!(server("amqp://rabbit.example"), (host.clone(), Some(5672)));
        assert_eq!(server("amqps://rabbit.example"), (host, Some(5671)));
        assert_eq!(server("amqp://127.0.0.1").0, "127.0.0.1");
        assert_eq!(server("amqp://user:secret@[::1]:5673/v").0, "::1");
    }

    #[test]
    fn the_credentials_of_a_url_are_not_shown() {
        let url: AmqpUrl = "amqps://user:secret@host/a%2fb?heartbeat=5"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "amqps://host:5671/a%2fb");
        assert_eq!(format!("{url:?}"), "AmqpUrl(amqps://host:5671/a%2fb)");
    }

    #[test]
    fn what_is_no_url_is_an_error_without_its_credentials() {
        let none = [
            "",
            "user:secret@host",
            "amqp:user:secret@host",
            "http://user:secret@host",
            "amqp://user:sec/ret@host",
            "amqp://user:secret@host:port",
            "amqp://user:secret@host?heartbeat=secret",
        ];
        for url in none {
            let error = url.parse::<AmqpUrl>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert_eq!(
                error.to_string(),
                "open rabbitmq: not a URL of the scheme amqp or amqps"
            );
        }
    }
}
