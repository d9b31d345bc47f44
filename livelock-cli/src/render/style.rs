//! How text may look.
//!
//! In: whether colour is wanted and how wide a line may be. Out: painted words. Refuses: to ask the
//! terminal; who calls has done that.

/// Widest line where nobody said otherwise.
const DEFAULT_WIDTH: usize = 100;
/// Narrower terminals wrap by themselves.
const MIN_WIDTH: usize = 40;

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// Alarm.
    Bad,
    /// Attention.
    Warn,
    /// All well.
    Good,
    /// Heading.
    Strong,
    /// Of less weight.
    Faint,
}

/// Colour and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    has_color: bool,
    width_columns: usize,
}

impl Style {
    /// `width_columns`: of the terminal, `None` if it is none.
    #[must_use]
    pub fn new(has_color: bool, width_columns: Option<usize>) -> Self {
        let width = width_columns.unwrap_or(DEFAULT_WIDTH);
        Self {
            has_color,
            width_columns: width.clamp(MIN_WIDTH, DEFAULT_WIDTH),
        }
    }

    /// The same for a line of `columns`, however wide: tables have no sentences to be read.
    #[must_use]
    pub(crate) fn with_columns(self, columns: usize) -> Self {
        Self {
            width_columns: columns.max(MIN_WIDTH),
            ..self
        }
    }

    /// Columns that a line may fill.
    #[must_use]
    pub const fn width_columns(self) -> usize {
        self.width_columns
    }

    /// `text` in its tint.
    #[must_use]
    pub fn paint(self, tint: Tint, text: &str) -> String {
        if !self.has_color {
            return text.to_owned();
        }
        let code = match tint {
            Tint::Bad => "1;31",
            Tint::Warn => "33",
            Tint::Good => "32",
            Tint::Strong => "1",
            Tint::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
