//! Colours, and text that fits.

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Plain,
    Strong,
    Faint,
    Failure,
    /// The n-th service.
    Service(usize),
}

/// ANSI codes of the colours of services: cyan, magenta, yellow, blue, green.
const SERVICES: [u8; 5] = [36, 35, 33, 34, 32];

impl Ink {
    /// The text in its colour, as an ANSI escape sequence (ECMA-48, SGR).
    pub(super) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Strong => 1,
            Self::Faint => 2,
            Self::Failure => 31,
            Self::Service(place) => SERVICES[place % SERVICES.len()],
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The text in exactly that many columns: cut with an ellipsis, or filled up with blanks.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let missing = columns - text.chars().count();
    text + &" ".repeat(missing)
}

/// The text in at most that many columns, with what a terminal would obey made visible instead.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(columns)
        .map(|character| {
            if character.is_control() {
                '·'
            } else {
                character
            }
        })
        .collect();
    if text.chars().nth(columns).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Nanoseconds with three digits and the unit that suits them.
pub(super) fn duration(nanos: u64) -> String {
    let (unit, per_unit) = match nanos {
        0..1_000_000 => ("µs", 1_000.0),
        1_000_000..1_000_000_000 => ("ms", 1_000_000.0),
        _ => ("s", 1_000_000_000.0),
    };
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = nanos as f64 / per_unit;
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        assert_eq!(duration(0), "0.00 µs");
        assert_eq!(duration(12_340), "12.3 µs");
        assert_eq!(duration(999_999), "1000 µs");
        assert_eq!(duration(1_500_000), "1.50 ms");
        assert_eq!(duration(73_200_000_000), "73.2 s");
    }

    #[test]
    fn text_is_cut_to_fit_and_cannot_steer_the_terminal() {
        assert_eq!(fit("orders", 8), "orders  ");
        assert_eq!(fit("orders", 6), "orders");
        assert_eq!(fit("orders", 4), "ord…");
        assert_eq!(cut("\x1b[2Jx", 9), "·[2Jx");
    }
}
