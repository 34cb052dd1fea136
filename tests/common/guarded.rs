//! Kafka for clients that give a name and a password.

use rdkafka::ClientConfig;

/// The bootstrap servers, from `TRACEHOP_KAFKA_GUARDED`; the same cluster as [`super::kafka`].
///
/// # Panics
/// As [`super::localstack`].
pub(crate) fn servers() -> Option<String> {
    super::broker("Kafka", "TRACEHOP_KAFKA_GUARDED")
}

/// The password of the stranger, who is known and may do nothing.
pub(crate) const PASSWORD: &str = "sesame";

/// The stranger's configuration.
pub(crate) fn stranger(servers: &str, password: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config.set("security.protocol", "SASL_PLAINTEXT");
    config.set("sasl.mechanisms", "PLAIN");
    config.set("sasl.username", "stranger");
    config.set("sasl.password", password);
    config
}
