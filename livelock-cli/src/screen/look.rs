//! Colours and characters.
//!
//! In: what a terminal can do. Out: styles of what things mean. Refuses: more than the sixteen colours of every
//! terminal, and a meaning that colour alone carries.

use livelock_core::verdict::Status;
use ratatui::style::{Color, Modifier, Style};

use super::category::Category;

/// Characters beyond ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Block elements and lines.
    Unicode,
    /// ASCII alone.
    Ascii,
}

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    has_color: bool,
    glyphs: Glyphs,
}

impl Look {
    /// For a terminal.
    #[must_use]
    pub const fn new(has_color: bool, glyphs: Glyphs) -> Self {
        Self { has_color, glyphs }
    }

    const fn painted(self, style: Style, color: Color) -> Style {
        if self.has_color {
            style.fg(color)
        } else {
            style
        }
    }

    const fn filled(self, color: Color) -> Style {
        if self.has_color {
            Style::new().fg(Color::Black).bg(color)
        } else {
            Style::new()
        }
    }

    pub(super) const fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) const fn faint(self) -> Style {
        // Dim text is unreadable on some terminals; without colour it is plain.
        if self.has_color {
            Style::new().add_modifier(Modifier::DIM)
        } else {
            Style::new()
        }
    }

    pub(super) const fn selected() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) const fn heading(self, is_focused: bool) -> Style {
        let style = Self::strong();
        if is_focused {
            self.painted(style, Color::Cyan)
        } else {
            style
        }
    }

    pub(super) const fn category(self, category: Category) -> Style {
        match category {
            Category::Spin => self.filled(Color::Red),
            Category::Vain => self.filled(Color::LightRed),
            Category::Hardirq => self.filled(Color::Yellow),
            Category::Softirq => self.filled(Color::LightYellow),
            Category::Kernel => self.filled(Color::Blue),
            Category::User => self.filled(Color::Green),
            Category::Steal => self.filled(Color::Magenta),
            Category::Own => self.filled(Color::Cyan),
            Category::Unknown => self.filled(Color::Gray),
            Category::Idle => self.faint(),
        }
    }

    pub(super) const fn status(self, status: Status) -> Style {
        let color = status_color(status);
        let style = Self::strong().add_modifier(Modifier::REVERSED);
        self.painted(style, color)
    }

    pub(super) const fn status_letter(self, status: Status) -> Style {
        self.painted(Self::strong(), status_color(status))
    }

    pub(super) const fn burn(self) -> Style {
        self.painted(Style::new(), Color::Red)
    }

    pub(super) const fn progress(self) -> Style {
        self.painted(Style::new(), Color::Green)
    }

    pub(super) const fn notice(self) -> Style {
        self.painted(Self::strong(), Color::Yellow)
    }

    pub(super) const fn rule(self) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => "─",
            Glyphs::Ascii => "-",
        }
    }

    pub(super) const fn pointer(self) -> char {
        match self.glyphs {
            Glyphs::Unicode => '▶',
            Glyphs::Ascii => '>',
        }
    }

    const fn levels(self) -> [char; 8] {
        match self.glyphs {
            Glyphs::Unicode => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Glyphs::Ascii => ['_', '.', ':', '-', '=', '+', '*', '#'],
        }
    }

    /// A column of a line `height` rows high, from the top; `share` of the whole, `None` is unknown.
    pub(super) fn column(self, share: Option<f64>, height: usize) -> Vec<char> {
        let Some(share) = share.filter(|share| share.is_finite()) else {
            let mut column = vec![' '; height.saturating_sub(1)];
            column.push('?');
            return column;
        };
        let levels = self.levels();
        let nr_steps = height * levels.len();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of steps"
        )]
        let filled = (share.clamp(0.0, 1.0) * nr_steps as f64).ceil() as usize;
        let filled = filled.clamp(1, nr_steps.max(1));
        (0..height)
            .rev()
            .map(|row| {
                let below = row * levels.len();
                match filled.saturating_sub(below) {
                    0 => ' ',
                    nr => levels[nr.min(levels.len()) - 1],
                }
            })
            .collect()
    }
}

const fn status_color(status: Status) -> Color {
    match status {
        Status::Livelock => Color::Red,
        Status::Contended | Status::Starved => Color::Yellow,
        Status::Busy | Status::Healthy => Color::Green,
        Status::CannotTell => Color::Magenta,
    }
}

/// The letter that stands for a status in the time line.
pub(crate) const fn status_letter(status: Status) -> char {
    match status {
        Status::Livelock => 'L',
        Status::Contended => 'C',
        Status::Starved => 'S',
        Status::Busy => 'b',
        Status::Healthy => '.',
        Status::CannotTell => '?',
    }
}

/// The words of the banner.
pub(crate) const fn status_title(status: Status) -> &'static str {
    match status {
        Status::Livelock => "LIVE LOCK",
        Status::Contended => "CONTENDED",
        Status::Starved => "STARVED",
        Status::Busy => "BUSY",
        Status::Healthy => "HEALTHY",
        Status::CannotTell => "CANNOT TELL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_fills_from_below_and_unknown_is_no_zero() {
        let look = Look::new(false, Glyphs::Unicode);
        assert_eq!(look.column(Some(1.0), 2), ['█', '█']);
        assert_eq!(look.column(Some(0.5), 2), [' ', '█']);
        assert_eq!(look.column(Some(0.0), 2), [' ', '▁']);
        assert_eq!(look.column(None, 2), [' ', '?']);
        assert_eq!(look.column(Some(7.0), 1), ['█']);
        assert_eq!(look.column(Some(f64::NAN), 1), ['?']);
        let ascii = Look::new(false, Glyphs::Ascii);
        assert_eq!(ascii.column(Some(1.0), 1), ['#']);
    }
}
