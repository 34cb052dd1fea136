//! A journey as text.

mod bar;
mod facts;
mod guides;
mod style;

use std::fmt;
use std::ops::Range;

use super::{Journey, Row};
use guides::Guide;
use style::{Ink, cut, duration, fit};

/// A [`Journey`] as text: a line a span, with its service, its duration and a bar in time, and
/// below it what a handler saw.
///
/// `├─` leads to a child and `├┄` to a span that is only linked; `█` is time spent, `┄` time that
/// a message waited to be handled; `#2` is the second attempt and `✗` a failure.
#[derive(Clone, Debug)]
pub struct Waterfall<'a> {
    journey: &'a Journey<'a>,
    width: usize,
    colour: bool,
    attributes: Vec<String>,
}

impl<'a> Waterfall<'a> {
    /// Draws that journey.
    pub fn new(journey: &'a Journey<'a>) -> Self {
        Self {
            journey,
            width: 100,
            colour: false,
            attributes: Vec::new(),
        }
    }

    /// The width in columns; 100 by default, 60 at least.
    #[must_use]
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.max(60);
        self
    }

    /// Whether to colour it with ANSI escape sequences; off by default.
    #[must_use]
    pub fn colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// The span attributes to show below the spans that have them; none by default.
    #[must_use]
    pub fn attributes(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.attributes = keys.into_iter().map(Into::into).collect();
        self
    }
}

impl fmt::Display for Waterfall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = Columns::of(self);
        self.heading(f, &columns)?;
        let rows = self.journey.rows();
        for (row, guide) in rows.iter().zip(guides::guides(rows)) {
            self.span(f, &columns, row, &guide)?;
            self.details(f, row, &guide)?;
        }
        Ok(())
    }
}

/// Room for the duration, such as `12.3 ms`.
const DURATION: usize = 8;

/// How the width is shared out: two blanks between neighbours.
struct Columns<'a> {
    services: Vec<&'a str>,
    whole: Range<u64>,
    name: usize,
    service: usize,
    bar: usize,
}

impl<'a> Columns<'a> {
    fn of(waterfall: &Waterfall<'a>) -> Self {
        let journey = waterfall.journey;
        let services = journey.services();
        let service = services
            .iter()
            .map(|service| service.chars().count())
            .max()
            .unwrap_or(0);
        let service = service.clamp(7, 14);
        let bar = waterfall.width * 3 / 10;
        Self {
            services,
            whole: journey.start_unix_nano()..journey.end_unix_nano(),
            name: waterfall.width - service - DURATION - bar - 6,
            service,
            bar,
        }
    }
}

impl Waterfall<'_> {
    fn heading(&self, f: &mut fmt::Formatter<'_>, columns: &Columns<'_>) -> fmt::Result {
        let whole = duration(columns.whole.end.saturating_sub(columns.whole.start));
        let axis = format!(
            "0 {} {whole}",
            "─".repeat(columns.bar.saturating_sub(3 + whole.chars().count()))
        );
        let heading = format!(
            "{}  {}  {:>DURATION$}  {axis}",
            fit("SPAN", columns.name),
            fit("SERVICE", columns.service),
            "TIME",
        );
        writeln!(f, "{}", self.paint(Ink::Faint, &heading))
    }

    fn span(
        &self,
        f: &mut fmt::Formatter<'_>,
        columns: &Columns<'_>,
        row: &Row<'_>,
        guide: &Guide,
    ) -> fmt::Result {
        let span = row.span;
        let place = columns
            .services
            .iter()
            .position(|service| *service == span.service);
        let service = Ink::Service(place.unwrap_or_default());
        let (name, running) = match (span.failed(), row.depth) {
            (true, _) => (Ink::Failure, Ink::Failure),
            (false, 0) => (Ink::Strong, service),
            (false, _) => (Ink::Plain, service),
        };
        let room = columns.name.saturating_sub(guide.name.chars().count());
        let bar = bar::draw(
            &columns.whole,
            facts::waited(self.journey, span).map(|(since, _)| since),
            &(span.start_unix_nano..span.end_unix_nano),
            columns.bar,
        );
        writeln!(
            f,
            "{}{}  {}  {:>DURATION$}  {}{}{}",
            self.paint(Ink::Faint, &guide.name),
            self.paint(name, &fit(&facts::title(span), room)),
            self.paint(service, &fit(&span.service, columns.service)),
            duration(span.duration_nano()),
            " ".repeat(bar.blank),
            self.paint(Ink::Faint, &"┄".repeat(bar.waiting)),
            self.paint(running, &bar.running),
        )
    }

    /// What the row says, as many items to a line as there is room for.
    fn details(&self, f: &mut fmt::Formatter<'_>, row: &Row<'_>, guide: &Guide) -> fmt::Result {
        let room = self.width.saturating_sub(guide.below.chars().count());
        let mut lines: Vec<String> = Vec::new();
        for detail in facts::details(self.journey, row, &self.attributes) {
            match lines.last_mut() {
                Some(line) if line.chars().count() + detail.chars().count() + 3 <= room => {
                    *line += " · ";
                    *line += &detail;
                }
                _ => lines.push(detail),
            }
        }
        for line in lines {
            let line = format!("{}{}", guide.below, cut(&line, room));
            writeln!(f, "{}", self.paint(Ink::Faint, &line))?;
        }
        Ok(())
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        if self.colour && !text.is_empty() {
            ink.paint(text)
        } else {
            text.to_owned()
        }
    }
}
