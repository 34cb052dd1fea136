use std::env;
use std::sync::LazyLock;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use tracehop_propagation::{XRay, XRayLineage};

/// `cx`, in AWS Lambda with the `Lineage` of the invocation.
///
/// Lambda counts in it how often functions have called each other through queues and topics, and
/// stops loops. The AWS SDK sends the invocation's whole trace header along with every request; a
/// trace header of ours takes its place, so the lineage must be in ours.
pub(super) fn with_lineage(cx: &Context) -> Context {
    static IN_LAMBDA: LazyLock<bool> =
        LazyLock::new(|| env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some());
    // The runtime sets it anew for each invocation.
    let header = IN_LAMBDA.then(|| env::var("_X_AMZN_TRACE_ID").ok());
    match header.flatten().as_deref().and_then(lineage) {
        Some(lineage) => cx.with_value(lineage),
        None => cx.clone(),
    }
}

fn lineage(header: &str) -> Option<XRayLineage> {
    let extracted = XRay.extract_with_context(&Context::new(), &Header(header));
    extracted.get::<XRayLineage>().cloned()
}

/// A carrier of one X-Ray header.
struct Header<'a>(&'a str);

impl Extractor for Header<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == XRay::FIELD).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![XRay::FIELD]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lineage_of_an_invocation_is_read_whatever_else_its_header_says() {
        let headers = [
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=25:3a5c1c2b:1",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=25:3a5c1c2b:1",
        ];
        for header in headers {
            let cx = Context::new().with_value(lineage(header).expect(header));
            assert_eq!(XRayLineage::of(&cx), Some("25:3a5c1c2b:1"));
        }
        assert_eq!(lineage("Root=1-5759e988-bd862e3fe1be46a994272793"), None);
    }
}
