//! Something plugged into the AWS client that panics.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_sdk_sqs::operation::change_message_visibility::ChangeMessageVisibilityInput;
use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchInput;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageInput;
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchInput;

/// Panics in the first request of each of these kinds, before it goes out.
#[derive(Clone, Debug, Default)]
pub(crate) struct PanicsAtFirst(Arc<Mutex<BTreeSet<&'static str>>>);

impl PanicsAtFirst {
    /// How often it has panicked.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Intercept for PanicsAtFirst {
    fn name(&self) -> &'static str {
        "PanicsAtFirst"
    }

    fn read_before_serialization(
        &self,
        request: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = request.input();
        let kinds = [
            (
                "receive",
                input.downcast_ref::<ReceiveMessageInput>().is_some(),
            ),
            (
                "delete",
                input.downcast_ref::<DeleteMessageBatchInput>().is_some(),
            ),
            (
                "change",
                input
                    .downcast_ref::<ChangeMessageVisibilityInput>()
                    .is_some(),
            ),
            ("send", input.downcast_ref::<SendMessageInput>().is_some()),
            (
                "send batch",
                input.downcast_ref::<SendMessageBatchInput>().is_some(),
            ),
        ];
        let kind = kinds.into_iter().find_map(|(kind, is)| is.then_some(kind));
        let first = kind.is_some_and(|kind| {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(kind)
        });
        assert!(!first, "a panic of this test");
        Ok(())
    }
}
