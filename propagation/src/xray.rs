use opentelemetry::{
    Context,
    trace::{SpanId, TraceContextExt, TraceId, TraceState},
};

use crate::{
    Carrier, Extraction, Format, Injection, Sampling,
    format::impl_text_map_propagator,
    hex,
    remote::{self, Malformed, Reading, Remote},
};

/// `Lineage` is a short counter of Lambda's; more than this is not one.
const MAX_LINEAGE: usize = 256;

/// AWS X-Ray: `x-amzn-trace-id`, which on SQS is the system attribute `AWSTraceHeader`.
///
/// Writes `Root`, `Parent`, `Sampled` and a kept `Lineage`, nothing else; tracestate never enters
/// it. A header without `Parent` is no parent. `Sampled` is bit 0x01 of the flags and touches no
/// other; `?` or none gives an unsampled parent and the hint [`Deferred`](crate::Deferred), and is written back as
/// `?` by whoever only passes it on.
///
/// Source: AWS X-Ray developer guide, "Tracing header".
#[derive(Clone, Copy, Debug, Default)]
pub struct XRay;

impl XRay {
    /// The field: a message attribute, or an HTTP header, in lower case.
    pub const FIELD: &'static str = "x-amzn-trace-id";

    pub(crate) const NAME: &'static str = "xray";
}

impl Format for XRay {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn fields(&self) -> &[&'static str] {
        &[Self::FIELD]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        if let Some(header) = xray_header(out.context()) {
            out.set(Self::FIELD, header);
        }
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        let header = match remote::value(carrier, Self::FIELD) {
            Ok(None) => return,
            Ok(Some(header)) => Header::parse(header),
            Err(Malformed) => return found.malformed(Self::NAME),
        };
        if let Some(lineage) = header.lineage {
            found.lineage(lineage);
        }
        found.reading(Self::NAME, header.parent);
    }
}

impl_text_map_propagator!(XRay);

/// The X-Ray header of the span that is current in `cx`: the value of `AWSTraceHeader` on SQS, and
/// of the request header `X-Amzn-Trace-Id` on SNS. `None` without a valid span context.
pub fn xray_header(cx: &Context) -> Option<String> {
    let span = cx.span();
    let span_context = span.span_context();
    if !span_context.is_valid() {
        return None;
    }
    let mut header = String::with_capacity(96);
    header.push_str("Root=");
    push_root(&mut header, span_context.trace_id());
    header.push_str(";Parent=");
    hex::push(&mut header, &span_context.span_id().to_bytes());
    header.push_str(match Sampling::of(cx) {
        Sampling::Sampled | Sampling::Debug => ";Sampled=1",
        Sampling::Deferred => ";Sampled=?",
        Sampling::NotSampled => ";Sampled=0",
    });
    if let Some(lineage) = XRayLineage::of(cx) {
        header.push_str(";Lineage=");
        header.push_str(lineage);
    }
    Some(header)
}

/// Writes a trace id as X-Ray does: `1-` and 8 digits, a dash, 24 digits. In X-Ray's own ids the
/// first 8 are a time in seconds since 1970; those of other tracers are accepted too.
pub fn xray_trace_id(trace_id: TraceId) -> String {
    let mut root = String::with_capacity(35);
    push_root(&mut root, trace_id);
    root
}

/// Reads a trace id as X-Ray writes it; `None` if malformed or zero.
pub fn parse_xray_trace_id(root: &str) -> Option<TraceId> {
    let (time, unique) = root.strip_prefix("1-")?.split_once('-')?;
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&hex::decode::<4>(time.as_bytes())?);
    bytes[4..].copy_from_slice(&hex::decode::<12>(unique.as_bytes())?);
    let trace_id = TraceId::from_bytes(bytes);
    (trace_id != TraceId::INVALID).then_some(trace_id)
}

/// `Lineage`, by which Lambda finds loops: kept in the [`Context`] and written again as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XRayLineage(Box<str>);

impl XRayLineage {
    /// The value kept in `cx`, if an X-Ray header brought one.
    pub fn of(cx: &Context) -> Option<&str> {
        cx.get::<Self>().map(|lineage| &*lineage.0)
    }

    fn parse(value: &str) -> Option<Self> {
        let plain = value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b";,=\"\\".contains(&byte));
        (plain && !value.is_empty() && value.len() <= MAX_LINEAGE).then(|| Self(value.into()))
    }
}

/// What one header says. One without `Parent` is an entry point's root, which nothing can be a
/// child of.
pub(crate) struct Header {
    pub(crate) parent: Reading,
    pub(crate) lineage: Option<XRayLineage>,
}

impl Header {
    pub(crate) fn parse(header: &str) -> Self {
        let mut fields = Fields::default();
        let mut lineage = None;
        let mut repeated = false;
        for (key, value) in header.split(';').filter_map(|field| field.split_once('=')) {
            let value = value.trim();
            let field = match key.trim() {
                "Root" => &mut fields.root,
                "Parent" => &mut fields.parent,
                "Sampled" => &mut fields.sampled,
                "Lineage" => {
                    lineage = Some(value);
                    continue;
                }
                _ => continue,
            };
            repeated |= field.replace(value).is_some();
        }
        let parent = if repeated {
            Err(Malformed)
        } else {
            fields.parent()
        };
        // The last counts, and no other is worth a copy.
        let lineage = lineage.and_then(XRayLineage::parse);
        Self { parent, lineage }
    }
}

#[derive(Default)]
struct Fields<'a> {
    root: Option<&'a str>,
    parent: Option<&'a str>,
    sampled: Option<&'a str>,
}

impl Fields<'_> {
    fn parent(&self) -> Reading {
        let trace_id = match self.root.map(parse_xray_trace_id) {
            Some(None) => return Err(Malformed),
            None => None,
            Some(trace_id) => trace_id,
        };
        let Some(parent) = self.parent else {
            return Ok(None);
        };
        let span_id = hex::decode(parent.as_bytes()).ok_or(Malformed)?;
        let sampling = match self.sampled {
            Some("1") => Sampling::Sampled,
            Some("0") => Sampling::NotSampled,
            Some("?" | "") | None => Sampling::Deferred,
            Some(_) => return Err(Malformed),
        };
        let trace_id = trace_id.ok_or(Malformed)?;
        let span_id = SpanId::from_bytes(span_id);
        Remote::new(trace_id, span_id, sampling, TraceState::NONE).map(Some)
    }
}

fn push_root(text: &mut String, trace_id: TraceId) {
    let bytes = trace_id.to_bytes();
    text.push_str("1-");
    hex::push(text, &bytes[..4]);
    text.push('-');
    hex::push(text, &bytes[4..]);
}
