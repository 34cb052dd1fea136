use std::fmt;

use super::credentials::without_credentials;

/// The messaging system behind a destination; `messaging.system` of the OpenTelemetry semantic
/// conventions v1.44.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum System {
    /// Amazon SQS.
    AwsSqs,
    /// Amazon SNS.
    AwsSns,
    /// Apache Kafka.
    Kafka,
    /// RabbitMQ, over AMQP 0-9-1.
    RabbitMq,
    /// The in-process broker of this crate.
    Memory,
    /// A broker of somebody else's, under the name it wants to be known by.
    Other(&'static str),
}

impl System {
    /// The name that telemetry uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsSqs => "aws_sqs",
            Self::AwsSns => "aws.sns",
            Self::Kafka => "kafka",
            Self::RabbitMq => "rabbitmq",
            Self::Memory => "memory",
            Self::Other(name) => name,
        }
    }
}

/// The host that a client talks to, without scheme, path or credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Host name or address.
    pub address: String,
    /// Port, where it is known.
    pub port: Option<u16>,
}

impl Server {
    /// The host of an `http`, `https`, `amqp` or `amqps` URL, with the port that stands there or the
    /// scheme's own. `None` where the URL has another scheme or no host.
    pub fn from_url(url: &str) -> Option<Self> {
        let url = without_credentials(url);
        let (scheme, rest) = url.split_once("://")?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            "amqp" => 5672,
            "amqps" => 5671,
            _ => return None,
        };
        let host_port = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match host_port.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (host_port, default_port),
        };
        (!host.is_empty()).then(|| Self {
            address: host.trim_matches(['[', ']']).to_owned(),
            port: Some(port),
        })
    }
}

/// Where messages go to or come from, and what telemetry may say of it.
///
/// The name must be fit for a span name and a metric label: for a queue with a generated name set
/// [`anonymous`](Self::anonymous) or [`temporary`](Self::temporary), and telemetry leaves it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Destination {
    /// The messaging system.
    pub system: System,
    /// Queue, topic, or exchange with routing key, as the semantic conventions spell it.
    pub name: String,
    /// A low-cardinality pattern that stands for many names, such as `orders-{region}`.
    pub template: Option<String>,
    /// The broker made the name up.
    pub anonymous: bool,
    /// The destination goes away with its user.
    pub temporary: bool,
    /// The host behind the client.
    pub server: Option<Server>,
    /// The consumer group of a Kafka consumer.
    pub consumer_group: Option<String>,
    /// The routing key of an AMQP message.
    pub routing_key: Option<String>,
    /// The URL of an SQS queue or the ARN of an SNS topic.
    pub resource: Option<String>,
}

impl Destination {
    /// A named, lasting destination with nothing else known of it.
    pub fn new(system: System, name: impl Into<String>) -> Self {
        Self {
            system,
            name: name.into(),
            template: None,
            anonymous: false,
            temporary: false,
            server: None,
            consumer_group: None,
            routing_key: None,
            resource: None,
        }
    }

    /// The name that is fit for span names and metric labels: the template, else the name unless
    /// it is generated.
    pub fn low_cardinality_name(&self) -> Option<&str> {
        self.template.as_deref().or_else(|| {
            (!self.anonymous && !self.temporary && !self.name.is_empty())
                .then_some(self.name.as_str())
        })
    }
}

/// `system:name`, for health and errors; `system` alone where there is no name.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.system.as_str())?;
        if self.name.is_empty() {
            return Ok(());
        }
        write!(f, ":{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Option<(String, u16)> {
        Server::from_url(url).map(|server| (server.address, server.port.unwrap_or_default()))
    }

    #[test]
    fn the_server_of_a_url_has_its_port_or_the_schemes_own() {
        let aws = "sqs.eu-west-1.amazonaws.com".to_owned();
        assert_eq!(server(&format!("https://{aws}/1/q")), Some((aws, 443)));
        let local = "127.0.0.1".to_owned();
        assert_eq!(
            server("http://127.0.0.1:4566/q"),
            Some((local.clone(), 4566))
        );
        assert_eq!(server("http://127.0.0.1"), Some((local, 80)));
        assert_eq!(
            server("http://[::1]:9324/q"),
            Some(("::1".to_owned(), 9324))
        );
        assert_eq!(server("http://[::1]/q"), Some(("::1".to_owned(), 80)));
        let rabbit = "rabbit.example".to_owned();
        assert_eq!(
            server("amqp://guest:guest@rabbit.example/%2f"),
            Some((rabbit.clone(), 5672))
        );
        assert_eq!(server("amqps://rabbit.example"), Some((rabbit, 5671)));
    }

    #[test]
    fn credentials_in_a_url_are_no_part_of_the_server() {
        let host = "queue.example".to_owned();
        assert_eq!(
            server("https://user:p@ss@queue.example/q"),
            Some((host, 443))
        );
    }

    #[test]
    fn what_is_no_url_has_no_server() {
        for text in [
            "orders",
            "kafka://host/q",
            "https:///q",
            "https://host:port/q",
            "",
        ] {
            assert_eq!(server(text), None, "{text}");
        }
    }
}
