//! How long the waits for a lock took, as bars over a logarithmic axis.
//!
//! In: a histogram, and the percentiles of the verdict. Out: a chart. Refuses: bars without their numbers; each has its
//! range and count as a title, and the table of the axis is in words.

use livelock_core::hist::WaitHistogram;
use livelock_core::verdict::WaitTimes;
use maud::{Markup, html};

use super::svg::at;
use crate::render::units::{count, duration};

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 8.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 22.0;
/// Widest bar.
const MAX_BAR: f64 = 44.0;
/// Room that a label of the axis takes.
const LABEL: f64 = 56.0;

pub(super) fn chart(histogram: &WaitHistogram, times: &WaitTimes) -> Markup {
    let buckets = histogram.buckets();
    let first = buckets.iter().position(|&nr| nr > 0);
    let last = buckets.iter().rposition(|&nr| nr > 0);
    let (Some(first), Some(last)) = (first, last) else {
        return html! { p { "No wait ended." } };
    };
    let nr_bars = (last - first + 1) as f64;
    let bar = ((WIDTH - 2.0 * LEFT) / nr_bars).min(MAX_BAR);
    let most = buckets.iter().copied().max().unwrap_or(1).max(1) as f64;
    let x = |bucket: usize| LEFT + bar * (bucket as f64 - first as f64);
    // Which labels do not run into one another.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number"
    )]
    let every = (LABEL / bar).ceil().max(1.0) as usize;
    let marks = [("p50", times.p50), ("p99", times.p99)];
    html! {
        svg class="chart narrow" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
            aria-label={ "Completed waits by length: " (count(histogram.count())) " in all" } {
            @for (bucket, &nr) in buckets.iter().enumerate().take(last + 1).skip(first) {
                @let height = (BOTTOM - TOP) * nr as f64 / most;
                // What is there is seen, however little of it there is.
                @let height = if nr > 0 { height.max(1.5) } else { 0.0 };
                g {
                    title { (range(bucket, buckets.len())) ": " (count(nr)) " waits" }
                    rect class="bar" x=(at(x(bucket) + 1.0)) y=(at(BOTTOM - height)) width=(at(bar - 2.0)) height=(at(height)) {}
                }
                @if (bucket - first).is_multiple_of(every) {
                    text class="axis" x=(at(x(bucket))) y=(at(BOTTOM + 15.0)) { (duration(livelock_common::bucket_floor_ns(bucket))) }
                }
            }
            line class="tick" x1=(at(LEFT)) x2=(at(WIDTH - LEFT)) y1=(at(BOTTOM)) y2=(at(BOTTOM)) {}
            @for (index, (name, ns)) in marks.iter().enumerate() {
                @if let Some(ns) = ns {
                    @let x = x_of(*ns, first, last, bar);
                    line class="mark" x1=(at(x)) x2=(at(x)) y1=(at(TOP - 10.0)) y2=(at(BOTTOM)) {}
                    text class="axis" x=(at(x.clamp(2.0, WIDTH - 90.0) + 3.0)) y=(at(TOP - 14.0 + 12.0 * index as f64)) {
                        (name) " " (duration(*ns))
                    }
                }
            }
        }
    }
}

/// Where a length lies on the axis: within its bucket by its share of it.
fn x_of(ns: u64, first: usize, last: usize, bar: f64) -> f64 {
    let bucket = livelock_common::bucket_of(ns).clamp(first, last);
    let (floor, next) = (
        livelock_common::bucket_floor_ns(bucket) as f64,
        livelock_common::bucket_floor_ns(bucket + 1) as f64,
    );
    let inside = ((ns as f64 - floor) / (next - floor).max(1.0)).clamp(0.0, 1.0);
    LEFT + bar * (bucket as f64 - first as f64 + inside)
}

fn range(bucket: usize, nr_buckets: usize) -> String {
    let floor = duration(livelock_common::bucket_floor_ns(bucket));
    if bucket + 1 < nr_buckets {
        format!(
            "{floor} to {}",
            duration(livelock_common::bucket_floor_ns(bucket + 1))
        )
    } else {
        format!("{floor} and more")
    }
}
