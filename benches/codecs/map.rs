//! A `HashMap`: no broker's, and what propagators are measured with.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;

use crate::Carried;

pub(crate) struct Map<P>(pub(crate) P);

impl<P: TextMapPropagator> Carried for Map<P> {
    type Message = HashMap<String, String>;

    fn message() -> Self::Message {
        HashMap::new()
    }

    fn inject(&self, cx: &Context, message: &mut Self::Message) {
        self.0.inject_context(cx, message);
    }

    fn extract(&self, message: &Self::Message) -> Context {
        self.0.extract_with_context(&Context::new(), message)
    }
}
