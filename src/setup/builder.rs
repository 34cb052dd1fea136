use super::{BaggageAttributes, Pipeline, SetupError, start};

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

    /// Sets the global tracer provider, meter provider and propagator, as [`init`](super::init)
    /// does.
    ///
    /// # Errors
    /// As [`init`](super::init).
    pub fn init(self) -> Result<Pipeline, SetupError> {
        start(self)
    }
}
