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
    pub(super) fn marks(cfg: &ConfigBag) -> bool {
        cfg.load::<Self>().is_some()
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
