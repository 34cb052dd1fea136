use aws_sdk_sns::config::ConfigBag;
use aws_sdk_sns::config::endpoint::Params;
use aws_smithy_runtime_api::client::endpoint::EndpointResolverParams;

use crate::contract::{Destination, Server, System};

/// What telemetry may say of a topic: its ARN, and the name at its end.
pub(super) fn destination(arn: &str, cfg: &ConfigBag) -> Destination {
    let name = arn.rsplit(':').next().unwrap_or_default();
    Destination {
        server: server(arn, cfg),
        resource: Some(arn.to_owned()),
        ..Destination::new(System::AwsSns, name)
    }
}

/// A phone number or a target ARN, which are about a person and are never recorded.
pub(super) fn unnamed() -> Destination {
    Destination::new(System::AwsSns, "")
}

/// The endpoint that the client was given, else the public one of its region, where the region's
/// partition and options leave no doubt (AWS General Reference, "Amazon SNS endpoints").
fn server(arn: &str, cfg: &ConfigBag) -> Option<Server> {
    let params = cfg.load::<EndpointResolverParams>()?.get::<Params>()?;
    if let Some(endpoint) = params.endpoint() {
        return Server::from_url(endpoint);
    }
    let special = params.use_fips() == Some(true) || params.use_dual_stack() == Some(true);
    let region = params
        .region()
        .filter(|_| arn.starts_with("arn:aws:") && !special)?;
    Some(Server {
        address: format!("sns.{region}.amazonaws.com"),
        port: Some(443),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use aws_smithy_types::config_bag::Layer;

    use super::*;

    const ARN: &str = "arn:aws:sns:eu-west-1:123456789012:orders";

    fn config(params: Params) -> ConfigBag {
        let mut layer = Layer::new("test");
        layer.store_put(EndpointResolverParams::new(params));
        ConfigBag::of_layers([layer])
    }

    fn address(arn: &str, params: Params) -> Option<String> {
        let server = destination(arn, &config(params)).server;
        server.map(|server| server.address)
    }

    #[test]
    fn a_topic_is_named_by_the_end_of_its_arn() {
        let topic = destination(ARN, &ConfigBag::base());
        assert_eq!(topic.name, "orders");
        assert_eq!(topic.resource.as_deref(), Some(ARN));
        assert_eq!(topic.server, None);
    }

    #[test]
    fn the_server_is_the_endpoint_that_was_set_without_its_credentials() {
        let params = Params::builder().endpoint("http://key:secret@127.0.0.1:4566");
        let params = params.region("eu-west-1").build().unwrap();
        assert_eq!(address(ARN, params).as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn the_server_of_a_region_is_named_where_there_is_no_doubt() {
        let params = || Params::builder().region("eu-west-1");
        let known = address(ARN, params().build().unwrap());
        assert_eq!(known.as_deref(), Some("sns.eu-west-1.amazonaws.com"));
        assert_eq!(address(ARN, params().use_fips(true).build().unwrap()), None);
        let china = "arn:aws-cn:sns:cn-north-1:123456789012:orders";
        assert_eq!(address(china, params().build().unwrap()), None);
    }
}
