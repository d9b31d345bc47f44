//! What all charts share: numbers, the axis of time, patterns.
//!
//! In: numbers. Out: attributes and marks of SVG. Refuses: colour alone; each category has a pattern of its own.

use maud::{Markup, html};

use crate::render::units::duration;
use crate::screen::category::Category;

/// Width of a chart, in units of its own; the page scales it.
pub(super) const WIDTH: f64 = 960.0;
/// Where the plot begins: labels of the axis stand before it.
pub(super) const LEFT: f64 = 64.0;
/// Where it ends.
pub(super) const RIGHT: f64 = WIDTH - 8.0;
/// Ticks of an axis of time, at most.
const MAX_TICKS: f64 = 8.0;

/// A coordinate, to a tenth.
pub(super) fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Where a moment of a session lies in the plot.
pub(super) fn x_of(ns: u64, whole_ns: u64) -> f64 {
    x_before(ns, whole_ns, RIGHT)
}

/// The same in a plot that ends at `right`.
pub(super) fn x_before(ns: u64, whole_ns: u64, right: f64) -> f64 {
    LEFT + (right - LEFT) * (ns as f64 / whole_ns.max(1) as f64).clamp(0.0, 1.0)
}

/// Round moments between 0 and `whole_ns`, 0 included.
fn ticks(whole_ns: u64) -> Vec<u64> {
    const STEPS: [u64; 3] = [1, 2, 5];
    const MINUTES: [u64; 9] = [10, 15, 30, 60, 120, 300, 600, 900, 1800];
    let least = (whole_ns as f64 / MAX_TICKS).ceil();
    let decades = (6..10).flat_map(|power| STEPS.map(|step| step * 10_u64.pow(power)));
    let longer = MINUTES.map(|seconds| seconds * 1_000_000_000);
    let hours = (1..=24 * 366).map(|hours| hours * 3_600_000_000_000);
    let steps = decades.chain(longer).chain(hours);
    let step = steps.into_iter().find(|&step| step as f64 >= least);
    let step = step.unwrap_or(u64::MAX);
    (0..)
        .map_while(|number: u64| step.checked_mul(number))
        .take_while(|&tick| tick <= whole_ns)
        .collect()
}

/// The moments below a plot that ends at `right`.
pub(super) fn time_axis(y: f64, whole_ns: u64, right: f64) -> Markup {
    html! {
        @for tick in ticks(whole_ns) {
            @let x = x_before(tick, whole_ns, right);
            line class="tick" x1=(at(x)) x2=(at(x)) y1=(at(y)) y2=(at(y + 4.0)) {}
            text class="axis" x=(at(x)) y=(at(y + 16.0)) text-anchor=(if tick == 0 { "start" } else { "middle" }) {
                (if tick == 0 { "0".to_owned() } else { clock(tick) })
            }
        }
    }
}

/// `2.5 s`, `4 min`, `3 h`.
fn clock(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        1..60 if ns.is_multiple_of(1_000_000_000) => format!("{seconds} s"),
        0..60 => duration(ns),
        60..7200 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..7200 => format!("{seconds} s"),
        _ => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

/// The name of a category in CSS and of its pattern.
pub(super) const fn key(category: Category) -> &'static str {
    match category {
        Category::Spin => "spin",
        Category::Vain => "vain",
        Category::Hardirq => "hardirq",
        Category::Softirq => "softirq",
        Category::Kernel => "kernel",
        Category::User => "user",
        Category::Steal => "steal",
        Category::Own => "own",
        Category::Unknown => "unknown",
        Category::Idle => "idle",
    }
}

/// Lines of a pattern in a square of 8.
const fn strokes(category: Category) -> &'static str {
    match category {
        Category::Spin => "M-2 2l4-4M0 8l8-8M6 10l4-4",
        Category::Vain => "M-2 2l4-4M0 8l8-8M6 10l4-4M-2 6l4 4M0 0l8 8M6-2l4 4",
        Category::Hardirq => "M0 4h8",
        Category::Softirq => "M4 0v8",
        Category::Kernel => "M-2 6l4 4M0 0l8 8M6-2l4 4",
        Category::User => "M2 2h1M6 6h1",
        Category::Steal => "M0 4h8M4 0v8",
        Category::Own => "M2 6l2-4l2 4z",
        Category::Unknown => "M3 4h2",
        Category::Idle => "",
    }
}

/// The patterns of all categories, once a page.
pub(super) fn patterns() -> Markup {
    html! {
        svg class="defs" width="0" height="0" aria-hidden="true" {
            defs {
                @for category in Category::ALL {
                    pattern id={ "p-" (key(category)) } width="8" height="8" patternUnits="userSpaceOnUse" {
                        rect class={ "f-" (key(category)) } width="8" height="8" {}
                        path class="strokes" d=(strokes(category)) {}
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_any_length_has_few_round_ticks() {
        for whole_ns in [
            1,
            900_000,
            4_900_000_000,
            61_000_000_000,
            86_400_000_000_000,
            u64::MAX,
        ] {
            let ticks = ticks(whole_ns);
            assert!(ticks.len() <= 10, "{whole_ns}: {}", ticks.len());
            assert_eq!(ticks.first(), Some(&0));
            assert!(ticks.iter().all(|&tick| tick <= whole_ns));
        }
        assert_eq!(
            ticks(4_900_000_000),
            [0, 1, 2, 3, 4].map(|s| s * 1_000_000_000)
        );
        assert_eq!(clock(120_000_000_000), "2 min");
        assert_eq!(clock(90_000_000_000), "90 s");
        assert_eq!(at(3.04), "3");
    }
}
