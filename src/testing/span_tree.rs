#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, Status};

use crate::journey::{Link, Span, kind_name};

/// Finished spans as a small text tree, to assert on.
///
/// A line a span: name, kind, `ERROR` with its description, the attributes that were asked for,
/// and links by the name of what they point at. A child stands two blanks deeper than its parent.
/// Ids are not shown: a span that is not among the finished ones is `remote`, unless
/// [`named`](Self::named) gives it a name. Siblings, and roots, stand in alphabetical order of
/// their text and not of time, so the same work gives the same tree however its parts were timed.
///
/// ```
/// use opentelemetry::trace::{Link, SpanKind, TraceContextExt, Tracer, TracerProvider};
/// use opentelemetry::{Context, KeyValue};
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
/// use tracehop::testing::SpanTree;
///
/// let exporter = InMemorySpanExporter::default();
/// let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
/// let tracer = provider.tracer("example");
///
/// let order = Context::new().with_span(tracer.start("place order"));
/// let send = tracer
///     .span_builder("send orders")
///     .with_kind(SpanKind::Producer)
///     .with_attributes([KeyValue::new("messaging.system", "aws_sqs")])
///     .start_with_context(&tracer, &order);
/// let sent = order.with_span(send);
/// let process = tracer
///     .span_builder("process orders")
///     .with_kind(SpanKind::Consumer)
///     .with_links(vec![Link::with_context(sent.span().span_context().clone())])
///     .start_with_context(&tracer, &sent);
/// sent.with_span(process).span().end();
/// sent.span().end();
/// order.span().end();
///
/// SpanTree::new(exporter.get_finished_spans()?).attributes(["messaging.system"]).assert_is(
///     "
///     place order INTERNAL
///       send orders PRODUCER {messaging.system=aws_sqs}
///         process orders CONSUMER -> send orders (parent)
///     ",
/// );
/// # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpanTree {
    spans: Vec<Span>,
    attributes: Vec<String>,
    named: HashMap<SpanId, String>,
}

impl SpanTree {
    /// The tree of those spans, in any order: of the SDK's `SpanData`, or of a
    /// [`journey`](crate::journey).
    pub fn new(spans: impl IntoIterator<Item = impl Into<Span>>) -> Self {
        Self {
            spans: spans.into_iter().map(Into::into).collect(),
            attributes: Vec::new(),
            named: HashMap::new(),
        }
    }

    /// The attributes to show, on spans and on links, in this order; none by default.
    #[must_use]
    pub fn attributes(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.attributes = keys.into_iter().map(Into::into).collect();
        self
    }

    /// What to call a span that finished elsewhere.
    #[must_use]
    pub fn named(mut self, span_id: SpanId, name: impl Into<String>) -> Self {
        self.named.insert(span_id, name.into());
        self
    }

    /// Compares the tree with `expected`, from which the indentation that its lines share and the
    /// blank lines around it are taken off first.
    ///
    /// # Panics
    /// Where they differ; the message shows both.
    #[track_caller]
    pub fn assert_is(&self, expected: &str) {
        let (tree, expected) = (self.to_string(), dedent(expected));
        assert!(
            tree == expected,
            "the spans are not as expected\n--- expected\n{expected}\n--- found\n{tree}\n"
        );
    }
}

/// Without a newline at the end.
impl fmt::Display for SpanTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = Family::of(self);
        let mut seen = vec![false; self.spans.len()];
        let tops = (0..self.spans.len()).filter(|&place| family.parent(place).is_none());
        // Spans that are each other's ancestors are reached from no top.
        let everything = tops.chain(0..self.spans.len());
        let nodes = family.nodes(everything, &mut seen);
        let mut lines = Vec::new();
        for node in &nodes {
            node.write(0, &mut lines);
        }
        f.write_str(&lines.join("\n"))
    }
}

/// Who is whose child, by place among the spans.
struct Family<'a> {
    tree: &'a SpanTree,
    places: HashMap<SpanId, usize>,
    children: Vec<Vec<usize>>,
}

impl<'a> Family<'a> {
    fn of(tree: &'a SpanTree) -> Self {
        let places: HashMap<_, _> = tree
            .spans
            .iter()
            .enumerate()
            .map(|(place, span)| (span.span_id, place))
            .collect();
        let mut children = vec![Vec::new(); tree.spans.len()];
        for (place, span) in tree.spans.iter().enumerate() {
            if let Some(&parent) = span.parent_span_id.and_then(|id| places.get(&id)) {
                children[parent].push(place);
            }
        }
        Self {
            tree,
            places,
            children,
        }
    }

    fn parent(&self, place: usize) -> Option<usize> {
        self.places
            .get(&self.tree.spans[place].parent_span_id?)
            .copied()
    }

    /// The nodes of those spans that were not seen before, sorted.
    fn nodes(&self, places: impl Iterator<Item = usize>, seen: &mut [bool]) -> Vec<Node> {
        let mut nodes = Vec::new();
        for place in places {
            if !std::mem::replace(&mut seen[place], true) {
                nodes.push(Node {
                    line: self.line(place),
                    children: self.nodes(self.children[place].iter().copied(), seen),
                });
            }
        }
        nodes.sort();
        nodes
    }

    fn line(&self, place: usize) -> String {
        let span = &self.tree.spans[place];
        let mut line = match span.service.as_str() {
            "" => span.name.clone(),
            service => format!("{service}: {}", span.name),
        };
        line = line + " " + kind_name(&span.kind);
        if let Status::Error { description } = &span.status {
            line = format!("{line} ERROR {description:?}");
        }
        line += &self.attributes(&span.attributes);
        if let (Some(id), None) = (span.parent_span_id, self.parent(place)) {
            line = line + " under " + self.name(id);
        }
        let mut links: Vec<_> = span
            .links
            .iter()
            .map(|link| self.link(span, link))
            .collect();
        links.sort();
        if !links.is_empty() {
            line = line + " -> " + &links.join(", ");
        }
        line
    }

    fn link(&self, from: &Span, link: &Link) -> String {
        let parent = if from.parent_span_id == Some(link.span_id) {
            " (parent)"
        } else {
            ""
        };
        format!(
            "{}{parent}{}",
            self.name(link.span_id),
            self.attributes(&link.attributes)
        )
    }

    fn name(&self, id: SpanId) -> &str {
        match (self.places.get(&id), self.tree.named.get(&id)) {
            (Some(&place), _) => &self.tree.spans[place].name,
            (None, Some(name)) => name,
            (None, None) => "remote",
        }
    }

    fn attributes(&self, of: &[KeyValue]) -> String {
        let chosen: Vec<_> = self
            .tree
            .attributes
            .iter()
            .filter_map(|key| of.iter().find(|attribute| attribute.key.as_str() == key))
            .map(|attribute| format!("{}={}", attribute.key, attribute.value))
            .collect();
        if chosen.is_empty() {
            String::new()
        } else {
            format!(" {{{}}}", chosen.join(", "))
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    line: String,
    children: Vec<Node>,
}

impl Node {
    fn write(&self, depth: usize, lines: &mut Vec<String>) {
        lines.push("  ".repeat(depth) + &self.line);
        for child in &self.children {
            child.write(depth + 1, lines);
        }
    }
}

/// The text without the indentation that all of its lines share, and without blank lines around.
fn dedent(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    let depth = |line: &&str| line.len() - line.trim_start().len();
    let shared = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(depth)
        .min()
        .unwrap_or(0);
    let lines: Vec<_> = lines
        .iter()
        .map(|line| line.get(shared..).unwrap_or_default())
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
