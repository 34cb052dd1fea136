use rdkafka::config::RDKafkaLogLevel as Level;

use crate::contract::without_credentials;

/// Passes on what librdkafka logs, as `tracing` events.
pub(super) fn log(level: Level, facility: &str, message: &str) {
    let message = without_credentials(message);
    match level {
        Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        Level::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        Level::Notice | Level::Info => tracing::info!(target: "librdkafka", facility, "{message}"),
        Level::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
