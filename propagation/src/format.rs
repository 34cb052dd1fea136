use std::fmt::Debug;

use opentelemetry::{Context, propagation::Extractor, propagation::Injector};

use crate::{BaggageDropped, Extraction};

/// One wire format. A format is one file (and, where `OTEL_PROPAGATORS` may name it, one line in the
/// list of known ones): it names its fields, writes them and reads them. Which of several wins, and
/// what ends up in the [`Context`], is decided by [`Extraction`] alone.
///
/// A format asks the carrier for its fields in lower case; matching other spellings
/// (`X-Amzn-Trace-Id`) is the carrier's part, because only it can do so without an allocation.
pub trait Format: Debug + Send + Sync + 'static {
    /// The name in `OTEL_PROPAGATORS`, and the value of the attribute `tracehop.format`.
    fn name(&self) -> &'static str;

    /// The fields written and read, lower case, always in the same order.
    fn fields(&self) -> &[&'static str];

    /// Writes what `cx` holds for this format. Writes nothing where there is nothing to say, and
    /// never an empty value. Baggage members that find no room are counted in `dropped`.
    fn inject(&self, cx: &Context, injector: &mut dyn Injector, dropped: &mut BaggageDropped);

    /// Reports to `found` what `carrier` holds: a parent, baggage, or a malformed field.
    fn extract(&self, carrier: &dyn Extractor, found: &mut Extraction);
}

/// Lets a format stand alone wherever an OpenTelemetry propagator is asked for. The orphan rule
/// forbids one blanket implementation.
macro_rules! impl_text_map_propagator {
    ($format:ty) => {
        impl opentelemetry::propagation::TextMapPropagator for $format {
            fn inject_context(
                &self,
                cx: &opentelemetry::Context,
                injector: &mut dyn opentelemetry::propagation::Injector,
            ) {
                $crate::Format::inject(self, cx, injector, &mut $crate::BaggageDropped::default());
            }

            fn extract_with_context(
                &self,
                cx: &opentelemetry::Context,
                extractor: &dyn opentelemetry::propagation::Extractor,
            ) -> opentelemetry::Context {
                let mut found = $crate::Extraction::default();
                $crate::Format::extract(self, extractor, &mut found);
                found.into_extracted(cx).context
            }

            fn fields(&self) -> opentelemetry::propagation::text_map_propagator::FieldIter<'_> {
                static FIELDS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
                opentelemetry::propagation::text_map_propagator::FieldIter::new(FIELDS.get_or_init(
                    || {
                        $crate::Format::fields(self)
                            .iter()
                            .map(ToString::to_string)
                            .collect()
                    },
                ))
            }
        }
    };
}
pub(crate) use impl_text_map_propagator;
