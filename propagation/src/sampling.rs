use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt, TraceFlags},
};

use crate::{DebugFlag, Deferred};

/// What was decided about recording a trace, in the words that the formats have between them.
///
/// Every format reads into this and writes from it, so that a decision means the same in all:
///
/// | written by | not sampled | sampled | deferred | debug |
/// |---|---|---|---|---|
/// | `traceparent` (flags) | `00` | `01` | `00` | `01` |
/// | X-Ray | `Sampled=0` | `Sampled=1` | `Sampled=?` | `Sampled=1` |
/// | Datadog (priority) | `0`, or a kept `-1` | `1`, or a kept `2` | none | `2` |
/// | Cloud Trace | `;o=0` | `;o=1` | none | `;o=1` |
/// | B3 single | `-0` | `-1` | none | `-d` |
/// | B3 multi | `x-b3-sampled: 0` | `x-b3-sampled: 1` | none | `x-b3-flags: 1` |
/// | Jaeger (flags) | `0` | `1` | `0` | `3` |
/// | Sentry | `-0` | `-1` | none | `-1` |
///
/// What a column has of its own is read back as that column; X-Ray's absent `Sampled` is deferred
/// too. `traceparent` and Jaeger have no deferred decision: their readers take it for unsampled.
/// A Datadog priority of 2 is sampled and not debug, because sampling rules give it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// The trace is not recorded.
    NotSampled,
    /// The trace is recorded.
    Sampled,
    /// The receiver decides; see [`Deferred`].
    Deferred,
    /// Recorded, whatever samplers say further on; see [`DebugFlag`].
    Debug,
}

impl Sampling {
    /// What was decided about the span that is current in `cx`.
    pub fn of(cx: &Context) -> Self {
        let sampled = cx.span().span_context().is_sampled();
        match sampled {
            true if DebugFlag::is_set(cx) => Self::Debug,
            true => Self::Sampled,
            false if Deferred::is_set(cx) => Self::Deferred,
            false => Self::NotSampled,
        }
    }

    /// The decision of a format that has no others.
    pub(crate) fn decided(sampled: bool) -> Self {
        if sampled {
            Self::Sampled
        } else {
            Self::NotSampled
        }
    }

    /// The flags of a remote span context with this decision: those who do not ask for a hint see
    /// a deferred decision as unsampled, and debug as sampled.
    pub fn flags(self) -> TraceFlags {
        match self {
            Self::Sampled | Self::Debug => TraceFlags::SAMPLED,
            Self::NotSampled | Self::Deferred => TraceFlags::NOT_SAMPLED,
        }
    }

    /// Puts `parent` into `cx`, with the hint that this decision needs.
    pub(crate) fn put(self, cx: &Context, parent: SpanContext) -> Context {
        let hinted = match self {
            Self::Deferred => &cx.with_value(Deferred::new(&parent)),
            Self::Debug => &cx.with_value(DebugFlag::new(&parent)),
            Self::NotSampled | Self::Sampled => cx,
        };
        hinted.with_remote_span_context(parent)
    }
}
