use std::fmt;

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

/// `system:name`, for health and errors.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.system.as_str(), self.name)
    }
}
