use std::fmt::Debug;

use crate::{Carrier, Extraction, Injection};

/// One wire format. A format is one file (and, where `OTEL_PROPAGATORS` may name it, one line in the
/// list of known ones): it names its fields, writes them and reads them. Which of several wins, and
/// what ends up in the context, is decided by [`Extraction`] alone.
///
/// A format asks the carrier for its fields in lower case; matching other spellings
/// (`X-Amzn-Trace-Id`) is the carrier's part, because only it can do so without an allocation.
pub trait Format: Debug + Send + Sync + 'static {
    /// The name in `OTEL_PROPAGATORS`, and the value of the attribute `tracehop.format`.
    fn name(&self) -> &'static str;

    /// The fields written and read, lower case, always in the same order. A field that ends in `*`
    /// stands for all whose names begin so; see [`owns`](crate::owns).
    fn fields(&self) -> &[&'static str];

    /// Writes what the context of `out` holds for this format, and nothing where there is nothing
    /// to say.
    fn inject(&self, out: &mut Injection<'_>);

    /// Reports to `found` what `carrier` holds: a parent, baggage, or a malformed field.
    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>);
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
                let policy = &$crate::baggage::LIMITS_ALONE;
                let mut injection = $crate::Injection::new(cx, injector, policy);
                $crate::Format::inject(self, &mut injection);
                injection.finish();
            }

            fn extract_with_context(
                &self,
                cx: &opentelemetry::Context,
                extractor: &dyn opentelemetry::propagation::Extractor,
            ) -> opentelemetry::Context {
                let mut found = $crate::Extraction::new(&$crate::baggage::LIMITS_ALONE);
                $crate::Format::extract(self, extractor.into(), &mut found);
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
