use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;

/// The last receipt of each message that a client received, by message id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receipts(Arc<Mutex<HashMap<String, String>>>);

impl Receipts {
    pub(crate) fn of(&self, message_id: &str) -> Option<String> {
        self.0.lock().unwrap().get(message_id).cloned()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Receipts {
    fn name(&self) -> &'static str {
        "Receipts"
    }

    fn read_after_deserialization(
        &self,
        call: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = call.output_or_error() else {
            return Ok(());
        };
        let Some(received) = output.downcast_ref::<ReceiveMessageOutput>() else {
            return Ok(());
        };
        let mut receipts = self.0.lock().unwrap();
        for message in received.messages() {
            let id = message.message_id.clone().unwrap();
            receipts.insert(id, message.receipt_handle.clone().unwrap());
        }
        Ok(())
    }
}
