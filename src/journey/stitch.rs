use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use opentelemetry::trace::TraceId;

use super::Span;
use super::span::Id;

/// In how many journeys one trace is shown, at most: a span of the OpenTelemetry SDK keeps 128
/// links by default, and one that acknowledges that many messages is part of each one's journey.
pub const MAX_SHARED: usize = 128;

/// What came of one trace: its spans, and those of every trace that links back to it, directly or
/// over others.
#[derive(Clone, Debug)]
pub struct Journey<'a> {
    rows: Vec<Row<'a>>,
    by_id: HashMap<Id, &'a Span>,
}

/// A span in its place in a [`Journey`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The span.
    pub span: &'a Span,
    /// How deep it stands; 0 for a span with nothing above it.
    pub depth: usize,
    /// What ties it to the nearest row above that stands one less deep.
    pub edge: Edge,
}

/// What ties a span to the one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Nothing: it has no parent, and links to no span that is known.
    Root,
    /// It is a child.
    Child,
    /// It has no known parent, and links to it.
    Link,
    /// It names a parent that is not known, and links to no span that is.
    Orphan,
}

/// Joins traces into journeys, one for each trace that links to no other.
///
/// A trace that links to several, such as a batch or a gathered acknowledgement, joins the journey
/// of each (of [`MAX_SHARED`] at most) and joins none of them to the others. Two traces that link
/// to a trace of which no span is known are one journey. Where traces link in a circle the
/// earliest counts as the first.
///
/// Journeys, and the rows under one row, are in order of their start, so that the order of
/// `spans` matters only to ties. The cost is that of sorting, times what is shared.
pub fn stitch(spans: &[Span]) -> Vec<Journey<'_>> {
    let traces = Traces::of(spans);
    let mut shared = vec![0; traces.0.len()];
    let mut journeys = Vec::new();
    let firsts = (0..traces.0.len()).filter(|&trace| traces.0[trace].earlier.is_empty());
    for first in firsts.chain(0..traces.0.len()) {
        if shared[first] == 0 {
            let members = traces.reach(first, &mut shared);
            journeys.push(Journey::of(
                members
                    .into_iter()
                    .flat_map(|trace| traces.0[trace].spans.iter().copied()),
            ));
        }
    }
    journeys.retain(|journey| !journey.rows.is_empty());
    journeys.sort_by_key(Journey::start_unix_nano);
    journeys
}

impl<'a> Journey<'a> {
    /// The rows, from top to bottom.
    pub fn rows(&self) -> &[Row<'a>] {
        &self.rows
    }

    /// When the first span started, in nanoseconds since the Unix epoch.
    pub fn start_unix_nano(&self) -> u64 {
        self.spans()
            .map(|span| span.start_unix_nano)
            .min()
            .unwrap_or_default()
    }

    /// When the last span ended, in nanoseconds since the Unix epoch; not before the start, even
    /// where a clock went backwards.
    pub fn end_unix_nano(&self) -> u64 {
        self.spans()
            .map(|span| span.end_unix_nano.max(span.start_unix_nano))
            .max()
            .unwrap_or_default()
    }

    /// The services, in the order in which they appear.
    pub fn services(&self) -> Vec<&'a str> {
        let mut seen = HashSet::new();
        self.spans()
            .map(|span| span.service.as_str())
            .filter(|service| seen.insert(*service))
            .collect()
    }

    /// The traces, in the order in which they appear.
    pub fn traces(&self) -> Vec<TraceId> {
        let mut seen = HashSet::new();
        self.spans()
            .map(|span| span.trace_id)
            .filter(|trace| seen.insert(*trace))
            .collect()
    }

    /// The span of that id.
    pub(super) fn find(&self, id: Id) -> Option<&'a Span> {
        self.by_id.get(&id).copied()
    }

    fn spans(&self) -> impl Iterator<Item = &'a Span> {
        self.rows.iter().map(|row| row.span)
    }

    fn of(spans: impl Iterator<Item = &'a Span>) -> Self {
        let mut spans: Vec<_> = spans.collect();
        spans.sort_by_key(|span| span.order());
        let mut places = HashMap::new();
        for (place, span) in spans.iter().enumerate() {
            places.entry(span.id()).or_insert(place);
        }
        let anchors: Vec<_> = spans
            .iter()
            .enumerate()
            .map(|(place, span)| anchor(span, place, &places))
            .collect();
        let rows = arrange(&spans, &anchors);
        let by_id = places
            .into_iter()
            .map(|(id, place)| (id, spans[place]))
            .collect();
        Self { rows, by_id }
    }
}

/// What a span hangs on: its parent, else the first span that it links to, of those known.
fn anchor(span: &Span, place: usize, places: &HashMap<Id, usize>) -> (Edge, Option<usize>) {
    let known = |id| places.get(&id).copied().filter(|&other| other != place);
    if let Some(parent) = span.parent().and_then(known) {
        (Edge::Child, Some(parent))
    } else if let Some(linked) = span.links.iter().find_map(|link| known(link.target())) {
        (Edge::Link, Some(linked))
    } else if span.parent_span_id.is_some() {
        (Edge::Orphan, None)
    } else {
        (Edge::Root, None)
    }
}

/// Rows from top to bottom: each span under its anchor. A circle of anchors is broken at its
/// earliest span, which then stands at depth 0 with the edge that it has.
fn arrange<'a>(spans: &[&'a Span], anchors: &[(Edge, Option<usize>)]) -> Vec<Row<'a>> {
    let mut below = vec![Vec::new(); spans.len()];
    for (place, (_, anchor)) in anchors.iter().enumerate() {
        if let Some(anchor) = anchor {
            below[*anchor].push(place);
        }
    }
    let mut rows = Vec::with_capacity(spans.len());
    let mut placed = vec![false; spans.len()];
    let tops = (0..spans.len()).filter(|&place| anchors[place].1.is_none());
    for top in tops.chain(0..spans.len()) {
        let mut next = vec![(top, 0)];
        while let Some((place, depth)) = next.pop() {
            if std::mem::replace(&mut placed[place], true) {
                continue;
            }
            rows.push(Row {
                span: spans[place],
                depth,
                edge: anchors[place].0,
            });
            next.extend(below[place].iter().rev().map(|&child| (child, depth + 1)));
        }
    }
    rows
}

/// The traces, in order of their start; first those with spans, then those only linked to.
struct Traces<'a>(Vec<Trace<'a>>);

#[derive(Default)]
struct Trace<'a> {
    spans: Vec<&'a Span>,
    /// The traces that it links to.
    earlier: BTreeSet<usize>,
    /// The traces that link to it.
    later: BTreeSet<usize>,
}

impl<'a> Traces<'a> {
    fn of(spans: &'a [Span]) -> Self {
        let mut in_order: Vec<_> = spans.iter().collect();
        in_order.sort_by_key(|span| span.order());
        let mut places = HashMap::new();
        let mut traces: Vec<Trace<'a>> = Vec::new();
        for span in &in_order {
            let place = *places.entry(span.trace_id).or_insert(traces.len());
            if place == traces.len() {
                traces.push(Trace::default());
            }
            traces[place].spans.push(span);
        }
        let known = traces.len();
        for place in 0..known {
            let linked: Vec<_> = traces[place]
                .spans
                .iter()
                .flat_map(|span| &span.links)
                .map(|link| link.trace_id)
                .collect();
            let mut earlier: BTreeSet<_> = linked
                .iter()
                .filter_map(|id| places.get(id).copied())
                .filter(|&target| target < known)
                .collect();
            // A trace without spans ties together only those that nothing else places.
            if earlier.is_empty() {
                for id in linked {
                    earlier.insert(*places.entry(id).or_insert(traces.len()));
                    traces.resize_with(places.len(), Trace::default);
                }
            }
            earlier.remove(&place);
            for &target in &earlier {
                traces[target].later.insert(place);
            }
            traces[place].earlier = earlier;
        }
        Self(traces)
    }

    /// `first`, and what links back to it, but for what is already shared by too many.
    fn reach(&self, first: usize, shared: &mut [usize]) -> Vec<usize> {
        let mut members = Vec::new();
        let mut seen = HashSet::from([first]);
        let mut next = VecDeque::from([first]);
        while let Some(trace) = next.pop_front() {
            shared[trace] += 1;
            members.push(trace);
            let later = self.0[trace].later.iter().copied();
            next.extend(later.filter(|&later| shared[later] < MAX_SHARED && seen.insert(later)));
        }
        members
    }
}
