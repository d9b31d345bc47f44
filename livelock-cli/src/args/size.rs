//! Sizes as people type them.
//!
//! In: `512K`, `64M`, `1G`. Out: bytes, by powers of 1024. Refuses: a number without a unit.

/// Why a size was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// No unit.
    #[error("it has no unit: type {number}M or {number}K")]
    NoUnit {
        /// What was typed.
        number: String,
    },
    /// In the words of disks.
    #[error("type {meant}")]
    Meant {
        /// The same by powers of 1024.
        meant: String,
    },
    /// Not a whole number and a unit.
    #[error("type a whole number and a unit: 512K, 64M or 1G")]
    Malformed,
    /// More than there can be.
    #[error("it is too large")]
    TooLarge,
}

/// Parses a size.
///
/// # Errors
///
/// If it is not a whole number followed by `K`, `M` or `G`.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(SizeError::Malformed);
    }
    let shift = match unit {
        "K" | "k" | "KiB" => 10,
        "M" | "m" | "MiB" => 20,
        "G" | "g" | "GiB" => 30,
        "" => {
            return Err(SizeError::NoUnit {
                number: number.to_owned(),
            });
        }
        "KB" | "kB" | "kb" | "MB" | "mb" | "GB" | "gb" => {
            let letter = unit[..1].to_ascii_uppercase();
            return Err(SizeError::Meant {
                meant: format!("{number}{letter}"),
            });
        }
        _ => return Err(SizeError::Malformed),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(1 << shift))
        .ok_or(SizeError::TooLarge)
}
