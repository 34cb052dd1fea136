use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt;
use tracehop_propagation::LINEAGE;

use super::facts::MessageLink;
use super::instrumentation::Instrumentation;
use super::lineage::FreshLineage;
use super::send::Outgoing;
use crate::contract::Destination;

/// What stands on an outgoing message, and what becomes of it.
#[derive(Debug)]
pub struct Marked {
    existing: Context,
    outgoing: Outgoing,
}

impl Marked {
    /// Nothing.
    pub fn none() -> Self {
        Self {
            existing: Context::new(),
            outgoing: Outgoing::Unmarked,
        }
    }

    /// Whether it is the user's: a carrier then keeps what is present.
    pub fn is_users(&self) -> bool {
        matches!(self.outgoing, Outgoing::Users(_))
    }

    /// The link to the user's creation context, where there is one.
    pub fn users_link(&self) -> Option<MessageLink<'_>> {
        self.is_users().then(|| MessageLink::new(&self.existing))
    }

    /// What goes onto the message: the user's span context where there is one, with what is
    /// `current` beside it, else `span`, the context of the message's own span.
    pub fn carried<'a>(&self, current: &Context, span: &'a Context) -> Cow<'a, Context> {
        match &self.outgoing {
            Outgoing::Users(users) => Cow::Owned(current.with_remote_span_context(users.clone())),
            Outgoing::Unmarked | Outgoing::Stale => Cow::Borrowed(span),
        }
    }
}

impl Instrumentation {
    /// Looks at what stands on a message that goes to `destination`.
    pub fn marked(
        &self,
        destination: &Arc<Destination>,
        message: &dyn Extractor,
        current: &Context,
    ) -> Marked {
        let existing = self.propagator_for(destination).extract_parent(message);
        Marked {
            outgoing: Self::outgoing(&existing, current),
            existing,
        }
    }
}

/// The lineage headers on an outgoing message that were written for this very message: those to
/// set again, since any others are stale.
pub fn fresh_lineage(
    message: &dyn Extractor,
    current: &Context,
) -> impl Iterator<Item = (&'static str, String)> {
    let is_fresh = current.get::<FreshLineage>().is_some();
    let names = LINEAGE.into_iter().filter(move |_| is_fresh);
    names.filter_map(|name| Some((name, message.get(name)?.to_owned())))
}
