//! Numbers with their units.
//!
//! In: numbers. Out: short words. Refuses: to write an unknown number as 0.

/// What an unknown number reads as.
pub(crate) const UNKNOWN: &str = "unknown";

/// `123 ns`, `4.5 us`, `67 ms`, `8.9 s`.
pub(crate) fn duration(ns: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "two digits are shown of 53 bits"
    )]
    let value = ns as f64;
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (value / 1e3, "us"),
        1_000_000..1_000_000_000 => (value / 1e6, "ms"),
        _ => (value / 1e9, "s"),
    };
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// `512 B`, `34 KiB`, `1.2 MiB`.
pub(crate) fn bytes(nr: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "two digits are shown of 53 bits"
    )]
    let mib = nr as f64 / (1 << 20) as f64;
    match nr {
        0..1024 => format!("{nr} B"),
        1024..1_048_576 => format!("{} KiB", nr >> 10),
        _ => format!("{mib:.1} MiB"),
    }
}

/// `97.1 %`.
pub(crate) fn pct(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.1} %"))
}

/// `1,234,567`.
pub(crate) fn count(nr: u64) -> String {
    let digits = nr.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of any size in three or four digits: `0.04`, `12.3`, `61`, `320k`, `4.7M`.
pub(crate) fn amount(value: f64) -> String {
    let size = value.abs();
    if size >= 1e7 {
        format!("{:.0}M", value / 1e6)
    } else if size >= 1e6 {
        format!("{:.1}M", value / 1e6)
    } else if size >= 1e4 {
        format!("{:.0}k", value / 1e3)
    } else if size >= 100.0 || value == 0.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// `text` without characters that a terminal would obey: command and cgroup names are chosen by users.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_unseen(c) { '?' } else { c })
        .collect()
}

/// Control characters, and those of Unicode that have no width or set the direction of text.
pub(crate) const fn is_unseen(char: char) -> bool {
    matches!(char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// `text` in at most `width` columns, cut in front: the end of a path says more than its beginning.
pub(crate) fn cut_front(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width {
        return text.to_owned();
    }
    let tail = text
        .chars()
        .skip(len.saturating_sub(width.saturating_sub(2)));
    format!("..{}", tail.collect::<String>())
}

/// `text` in at most `width` columns, cut at the end.
pub(crate) fn cut_end(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let head = text.chars().take(width.saturating_sub(2));
    format!("{}..", head.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_or_turns_text_around_is_a_question_mark() {
        assert_eq!(clean("a\u{202e}b\u{200b}c\x1b[2Jd\ne"), "a?b?c?[2Jd?e");
        assert_eq!(clean("Grüße, /srv/x"), "Grüße, /srv/x");
    }
}
