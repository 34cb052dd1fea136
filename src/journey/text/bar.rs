//! Bars in time: where a span lies between the start and the end of its journey.

use std::ops::Range;

/// A bar: blank cells, then waiting, then running.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) blank: usize,
    pub(super) waiting: usize,
    pub(super) running: String,
}

/// What fills one to seven eighths of a cell.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Draws `running`, and the time waited for it since `waiting_since`, into `cells` that stand for
/// `whole`. A span that is too short to see still has an eighth of a cell.
pub(super) fn draw(
    whole: &Range<u64>,
    waiting_since: Option<u64>,
    running: &Range<u64>,
    cells: usize,
) -> Bar {
    let eighth = |time: u64| {
        let since = u128::from(time.clamp(whole.start, whole.end) - whole.start);
        let length = u128::from((whole.end - whole.start).max(1));
        usize::try_from(since * 8 * cells as u128 / length).unwrap_or(usize::MAX)
    };
    let start = (eighth(running.start) / 8).min(cells.saturating_sub(1));
    let from = waiting_since.map_or(start, |since| (eighth(since) / 8).min(start));
    let length = eighth(running.end).max(start * 8 + 1) - start * 8;
    let part = EIGHTHS[..length % 8].last();
    Bar {
        blank: from,
        waiting: start - from,
        running: "█".repeat(length / 8) + &part.map_or_else(String::new, char::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(waiting_since: Option<u64>, running: Range<u64>) -> String {
        let bar = draw(&(1_000..1_100), waiting_since, &running, 10);
        " ".repeat(bar.blank) + &"·".repeat(bar.waiting) + &bar.running
    }

    #[test]
    fn a_bar_begins_and_ends_where_its_span_does() {
        assert_eq!(drawn(None, 1_000..1_100), "██████████");
        assert_eq!(drawn(None, 1_020..1_045), "  ██▌");
    }

    #[test]
    fn waiting_leads_up_to_the_start() {
        assert_eq!(drawn(Some(1_010), 1_050..1_060), " ····█");
    }

    #[test]
    fn an_instant_is_seen_and_stays_inside() {
        assert_eq!(drawn(None, 1_050..1_050), "     ▏");
        assert_eq!(drawn(None, 1_100..1_100).chars().count(), 10);
    }

    #[test]
    fn times_outside_and_clocks_that_went_backwards_are_survived() {
        let backwards = Range {
            start: 500,
            end: 90,
        };
        assert_eq!(drawn(Some(2_000), backwards), "▏");
        assert_eq!(draw(&(7..7), None, &(7..7), 4).running, "▏");
    }
}
