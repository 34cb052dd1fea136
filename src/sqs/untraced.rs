use aws_sdk_sqs::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept};
use aws_sdk_sqs::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

/// Marks one request of a source or sink, which writes its own spans, so that a
/// [`TraceInterceptor`](super::TraceInterceptor) on the same client lets it pass:
/// `.customize().interceptor(Untraced)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untraced;

impl Untraced {
    /// Whether the request was marked.
    pub(super) fn marks(cfg: &mut ConfigBag) -> bool {
        cfg.get_mut_from_interceptor_state::<Self>().is_some()
    }
}

impl Storable for Untraced {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for Untraced {
    fn name(&self) -> &'static str {
        "tracehop::sqs::Untraced"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(*self);
        Ok(())
    }
}

#[cfg(all(test, feature = "testing"))]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use aws_sdk_sqs::Client;

    use super::*;
    use crate::sqs::TraceInterceptor;
    use crate::testing::Recorder;
    use crate::testing::sqs::SqsEndpoint;

    #[tokio::test]
    async fn a_marked_request_passes_by_the_interceptor_of_its_client() {
        let (sqs, recorder) = (SqsEndpoint::start().await, Recorder::new());
        let queue = sqs.queue("orders").create();
        let interceptor = TraceInterceptor::with(recorder.instrumentation());
        let client = Client::from_conf(sqs.config().interceptor(interceptor).build());
        let send = || {
            client
                .send_message()
                .queue_url(&queue)
                .message_body("order")
        };

        let marked = send().customize().interceptor(Untraced);
        marked.send().await.unwrap();
        assert!(recorder.spans().is_empty());
        let request = sqs.requests().remove(0).json();
        assert!(request.get("MessageAttributes").is_none());

        send().send().await.unwrap();
        assert_eq!(recorder.spans().len(), 1);
    }
}
