use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;

use super::Untraced;

/// How long an attempt of a call may take where the user's client does not say.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The user's client for short calls, marked as the library's own. Derived once, because a
/// configuration of its own for each call costs more than the call's own work.
pub(super) fn for_calls(client: &Client) -> Client {
    let given = client.config().timeout_config().cloned();
    let given = given.unwrap_or_else(|| TimeoutConfig::builder().build());
    let attempt = given.operation_attempt_timeout().unwrap_or(ATTEMPT);
    let timeouts = given.into_builder().operation_attempt_timeout(attempt);
    derived(client, timeouts.build())
}

/// The user's client for receives that wait up to `wait`: a shorter time limit of the user's would
/// cut them off.
pub(super) fn for_polls(client: &Client, wait: Duration) -> Client {
    let given = client.config().timeout_config().cloned();
    let given = given.unwrap_or_else(|| TimeoutConfig::builder().build());
    let attempt = wait + ATTEMPT;
    let timeouts = given
        .into_builder()
        .read_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .disable_operation_timeout();
    derived(client, timeouts.build())
}

fn derived(client: &Client, timeouts: TimeoutConfig) -> Client {
    let config = client.config().to_builder();
    Client::from_conf(
        config
            .timeout_config(timeouts)
            .interceptor(Untraced)
            .build(),
    )
}
