use aws_sdk_sns::config::{ConfigBag, RuntimeComponents};
use aws_smithy_runtime_api::client::endpoint::{EndpointResolverParams, ResolveEndpoint as _};
use futures_util::FutureExt as _;

use crate::contract::{Destination, Server, System};

/// What telemetry may say of a topic: its ARN, the name at its end, and the server.
pub(super) fn destination(arn: &str, server: Option<Server>) -> Destination {
    let name = arn.rsplit(':').next().unwrap_or_default();
    Destination {
        server,
        resource: Some(arn.to_owned()),
        ..Destination::new(System::AwsSns, name)
    }
}

/// A phone number or a target ARN, which are about a person and are never recorded.
pub(super) fn unnamed() -> Destination {
    Destination::new(System::AwsSns, "")
}

/// Where the client sends its requests, by its own rules: the endpoint that was set, else that of
/// the region and its partition. A resolver of the user's that has to wait is not waited for.
pub(super) fn server(components: &RuntimeComponents, cfg: &ConfigBag) -> Option<Server> {
    let params = cfg.load::<EndpointResolverParams>()?;
    let resolver = components.endpoint_resolver();
    let endpoint = resolver.resolve_endpoint(params).now_or_never()?.ok()?;
    Server::from_url(endpoint.url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_named_by_the_end_of_its_arn() {
        const ARN: &str = "arn:aws:sns:eu-west-1:123456789012:orders";
        let topic = destination(ARN, None);
        assert_eq!(topic.name, "orders");
        assert_eq!(topic.resource.as_deref(), Some(ARN));
    }
}
