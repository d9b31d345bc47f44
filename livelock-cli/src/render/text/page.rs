//! Lines, headings and wrapping.
//!
//! In: words. Out: lines that fit the style's width. Refuses: to break inside a word, so that a command can be
//! copied.

use crate::render::units::clean;
use crate::render::{Style, Tint};

/// Text in the making.
pub(crate) struct Page {
    text: String,
    style: Style,
}

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            text: String::new(),
            style,
        }
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// One line as it is.
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// An empty line and a heading.
    pub(crate) fn heading(&mut self, title: &str) {
        self.text.push('\n');
        let title = self.style.paint(Tint::Strong, title);
        self.line(&title);
    }

    /// `lead` and then words, wrapped below the end of `lead`.
    pub(crate) fn item(&mut self, lead: &str, words: &str) {
        self.painted_item(lead, words, None);
    }

    /// `indent` and a tinted `word` before the words.
    pub(crate) fn tinted_item(&mut self, indent: &str, word: &str, tint: Tint, words: &str) {
        let lead = format!("{indent}{word}  ");
        let begin = self.text.len();
        self.item(&lead, words);
        let painted = format!("{indent}{}", self.style.paint(tint, word));
        self.text
            .replace_range(begin..begin + indent.len() + word.len(), &painted);
    }

    /// Like `item`, with the words in a tint.
    pub(crate) fn painted_item(&mut self, lead: &str, words: &str, tint: Option<Tint>) {
        let indent = lead.chars().count();
        let room = self
            .style
            .width_columns()
            .saturating_sub(indent + 3)
            .max(20);
        let mut lead = lead.to_owned();
        for line in wrap(&clean(words), room) {
            let line = tint.map_or(line.clone(), |tint| self.style.paint(tint, &line));
            self.line(&format!("{lead}{line}"));
            lead = " ".repeat(indent);
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let used = lines[last].chars().count();
        // A percent sign stays with its number, at the price of two columns at most.
        let is_unit = word.starts_with('%');
        if used > 0 && !is_unit && used + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
            continue;
        }
        if used > 0 {
            lines[last].push(' ');
        }
        lines[last].push_str(word);
    }
    lines
}
