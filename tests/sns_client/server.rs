//! `server.address` and `server.port`: where the client sends its requests.

use aws_sdk_sns::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_sns::config::{Builder, Region};

use crate::support::{PUBLISHED, TOPIC, Traced, attributes};

async fn server(configure: impl FnOnce(Builder) -> Builder) -> Option<(String, String)> {
    let traced = Traced::configured(&[PUBLISHED], |options| options, configure);
    let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    publish.send().await.unwrap();
    let mut said = attributes(&traced.recorder.span("publish orders"));
    Some((said.remove("server.address")?, said.remove("server.port")?))
}

fn https(address: &str) -> (String, String) {
    (address.to_owned(), "443".to_owned())
}

#[tokio::test]
async fn the_server_is_that_of_the_regions_partition() {
    let servers = [
        ("eu-west-1", "sns.eu-west-1.amazonaws.com"),
        ("cn-north-1", "sns.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "sns.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", "sns.us-iso-east-1.c2s.ic.gov"),
    ];
    for (region, address) in servers {
        let found = server(|config| config.region(Region::from_static(region))).await;
        assert_eq!(found, Some(https(address)));
    }
}

#[tokio::test]
async fn the_server_follows_the_options_of_the_endpoint() {
    let fips = server(|config| config.use_fips(true)).await;
    assert_eq!(fips, Some(https("sns-fips.us-east-1.amazonaws.com")));
    let dual_stack = server(|config| config.use_dual_stack(true)).await;
    assert_eq!(dual_stack, Some(https("sns.us-east-1.api.aws")));
}

#[tokio::test]
async fn the_server_is_the_endpoint_that_was_set_without_its_credentials() {
    let found = server(|config| config.endpoint_url("http://key:secret@127.0.0.1:4566")).await;
    let local = ("127.0.0.1".to_owned(), "4566".to_owned());
    assert_eq!(found, Some(local));
}

/// Answers at the second time of asking.
#[derive(Debug)]
struct Slow;

impl ResolveEndpoint for Slow {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::new(async {
            tokio::task::yield_now().await;
            Ok(Endpoint::builder().url("https://sns.example").build())
        })
    }
}

#[tokio::test]
async fn a_server_that_has_to_be_waited_for_is_not_named() {
    assert_eq!(server(|config| config.endpoint_resolver(Slow)).await, None);
}
