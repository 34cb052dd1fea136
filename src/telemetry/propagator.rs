use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, global};
use tracehop_propagation::{
    BaggageDropped, Carrier, Composite, Extracted, TraceContext, W3cBaggage,
};

use super::guarded;

/// What reads and writes context: this crate's formats, a propagator of somebody else's, or the
/// global one.
#[derive(Clone, Debug)]
pub struct Propagator(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Ours(Arc<Composite>),
    Given(Arc<dyn TextMapPropagator + Send + Sync>),
    Global(Arc<[String]>),
}

/// The composite that [`install`](Propagator::install) made global. The global propagator cannot
/// be asked what it is, only for its fields.
static INSTALLED: Mutex<Option<Arc<Composite>>> = Mutex::new(None);

impl Propagator {
    /// Makes `composite` the global propagator.
    #[cfg(feature = "setup")]
    pub(crate) fn install(composite: Composite) {
        let installed = Arc::new(composite);
        global::set_text_map_propagator((*installed).clone());
        *INSTALLED.lock().unwrap_or_else(PoisonError::into_inner) = Some(installed);
    }

    /// A propagator that is given in code.
    pub(super) fn given(propagator: impl TextMapPropagator + Send + Sync + 'static) -> Self {
        Self(Kind::Given(Arc::new(propagator)))
    }

    /// The formats of this crate.
    pub(super) fn ours(composite: Composite) -> Self {
        Self(Kind::Ours(Arc::new(composite)))
    }

    /// What stands for the global propagator as it is now.
    pub(crate) fn global() -> Self {
        let fields: Vec<String> = global::get_text_map_propagator(|propagator| {
            propagator.fields().map(ToOwned::to_owned).collect()
        });
        if fields.is_empty() {
            return Self::ours(Composite::from_env());
        }
        let installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = installed
            .as_ref()
            .filter(|known| known.fields().eq(&fields))
        {
            return Self(Kind::Ours(Arc::clone(installed)));
        }
        let has = |field: &str| fields.iter().any(|known| known == field);
        let known = ["traceparent", "tracestate", "baggage"];
        if !fields.iter().all(|field| known.contains(&field.as_str())) {
            return Self(Kind::Global(fields.into()));
        }
        let mut composite = Composite::none();
        if has("traceparent") {
            composite = composite.with(TraceContext);
        }
        if has("baggage") {
            composite = composite.with(W3cBaggage);
        }
        Self::ours(composite)
    }

    /// Writes the context of `cx`; answers what of the baggage found no room, where that is known.
    pub fn inject(&self, cx: &Context, injector: &mut dyn Injector) -> BaggageDropped {
        match &self.0 {
            Kind::Ours(composite) => return composite.inject_reported(cx, injector),
            Kind::Given(propagator) => drop(guarded(|| propagator.inject_context(cx, injector))),
            Kind::Global(_) => drop(guarded(|| {
                global::get_text_map_propagator(|global| global.inject_context(cx, injector));
            })),
        }
        BaggageDropped::default()
    }

    /// Reads the carrier of a message, which shows each field once, into an empty context.
    pub fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let empty = Context::new();
        match &self.0 {
            Kind::Ours(composite) => composite.extract_reported(&empty, Carrier::once(carrier)),
            Kind::Given(_) | Kind::Global(_) => {
                let extracted = guarded(|| self.extract_with_context(&empty, carrier));
                extracted.unwrap_or_default().into()
            }
        }
    }

    /// Reads a carrier onto `cx`: what is not found leaves that as it is.
    pub(super) fn extract_onto(&self, cx: &Context, carrier: &dyn Extractor) -> Context {
        match &self.0 {
            Kind::Ours(composite) => {
                let carrier = Carrier::once(carrier);
                composite.extract_reported(cx, carrier).context
            }
            Kind::Given(_) | Kind::Global(_) => {
                let extracted = guarded(|| self.extract_with_context(cx, carrier));
                extracted.unwrap_or_else(|| cx.clone())
            }
        }
    }

    /// Reads of a carrier what says where it was created, into an empty context; baggage may be in
    /// it or not.
    pub fn extract_parent(&self, carrier: &dyn Extractor) -> Context {
        match &self.0 {
            Kind::Ours(composite) => composite.extract_parent(Carrier::once(carrier)),
            Kind::Given(_) | Kind::Global(_) => self.extract(carrier).context,
        }
    }

    /// This crate's formats, where they are what is used.
    pub fn composite(&self) -> Option<&Composite> {
        match &self.0 {
            Kind::Ours(composite) => Some(composite),
            Kind::Given(_) | Kind::Global(_) => None,
        }
    }
}

impl TextMapPropagator for Propagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.inject(cx, injector);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match &self.0 {
            Kind::Ours(composite) => composite.extract_with_context(cx, extractor),
            Kind::Given(propagator) => propagator.extract_with_context(cx, extractor),
            Kind::Global(_) => {
                global::get_text_map_propagator(|global| global.extract_with_context(cx, extractor))
            }
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        match &self.0 {
            Kind::Ours(composite) => composite.fields(),
            Kind::Given(propagator) => propagator.fields(),
            Kind::Global(fields) => FieldIter::new(fields),
        }
    }
}
