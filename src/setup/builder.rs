use opentelemetry_sdk::trace::{SdkTracerProvider, TracerProviderBuilder};

use super::{
    BaggageAttributes, DeferredSampler, LinkedSampler, Pipeline, SetupError, XRayIdGenerator, start,
};

/// A pipeline with what the variables have no word for.
///
/// ```no_run
/// let telemetry = tracehop::setup::builder().baggage_attributes(["tenant", "team.*"]).init()?;
/// # Ok::<(), tracehop::setup::SetupError>(())
/// ```
pub fn builder() -> Builder {
    Builder::default()
}

/// Sets a pipeline up; see [`builder`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    pub(super) baggage: BaggageAttributes,
    linked_sampler: bool,
    xray_trace_ids: bool,
}

impl Builder {
    /// Copies these baggage members onto every span, under their own keys; a key that ends in `*`
    /// stands for all that begin so. Default: none.
    ///
    /// A key that is among the
    /// [`baggage_attributes`](crate::telemetry::InstrumentationBuilder::baggage_attributes) of an
    /// instrumentation too would be on its spans twice.
    pub fn baggage_attributes<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        self.baggage = BaggageAttributes::new(keys);
        self
    }

    /// Whether a span that links to a sampled one is sampled too, around the sampler that
    /// `OTEL_TRACES_SAMPLER` names; see [`LinkedSampler`] for what that does to rates. Default:
    /// false, and the named sampler has the last word.
    pub fn linked_sampler(mut self, on: bool) -> Self {
        self.linked_sampler = on;
        self
    }

    /// Whether new trace ids begin with a time, as AWS X-Ray's own do; see [`XRayIdGenerator`] for
    /// who needs that. Default: false, and they are random as a whole.
    pub fn xray_trace_ids(mut self, on: bool) -> Self {
        self.xray_trace_ids = on;
        self
    }

    /// Sets the global tracer provider, meter provider and propagator, as [`init`](super::init)
    /// does.
    ///
    /// # Errors
    /// As [`init`](super::init).
    pub fn init(self) -> Result<Pipeline, SetupError> {
        start(self)
    }

    /// A tracer provider with all of it but baggage, and nothing that exports yet.
    pub(super) fn tracers(self) -> TracerProviderBuilder {
        let tracers = SdkTracerProvider::builder();
        let tracers = if self.linked_sampler {
            tracers.with_sampler(LinkedSampler::from_env())
        } else {
            tracers.with_sampler(DeferredSampler::from_env())
        };
        if self.xray_trace_ids {
            tracers.with_id_generator(XRayIdGenerator::default())
        } else {
            tracers
        }
    }
}
