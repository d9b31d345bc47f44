//! A lock: who waits, who holds, which CPU hands it to which, how long waits take.

use livelock_core::verdict::LockReport;
use ratatui::text::{Line, Span};

use super::matrix;
use crate::render::units::{count, duration};
use crate::render::{Style, lock_text};
use crate::screen::draw::rows::of_text;
use crate::screen::look::Look;
use crate::screen::state::Screen;

/// Columns of the longest bar.
const MAX_BAR: usize = 40;

pub(in crate::screen::draw) fn lines(
    screen: &Screen,
    look: Look,
    width: usize,
) -> Vec<Line<'static>> {
    let locks = screen.locks();
    let Some((shown, lock)) = screen
        .shown()
        .zip(locks.get(screen.lock_index(&locks)).copied())
    else {
        return vec![Line::raw(" no lock is listed")];
    };
    let scope = &shown.snapshot.verdict.scope;
    let style = Style::new(false, None).with_columns(width);
    let mut lines = of_text(&lock_text(lock, scope, style));
    if let Some(seen) = &lock.handoffs {
        lines.extend(matrix::lines(seen, look, width));
    }
    lines.extend(histogram(screen, look, lock, width));
    lines
}

/// Completed waits by length, of the windows that the verdict speaks of.
fn histogram(screen: &Screen, look: Look, lock: &LockReport, width: usize) -> Vec<Line<'static>> {
    let Some(shown) = screen.shown() else {
        return Vec::new();
    };
    let nr_windows = shown.snapshot.verdict.window.nr_windows as usize;
    let older = screen.history.back_from(shown.number().saturating_sub(1));
    let snapshots = std::iter::once(&shown.snapshot).chain(older);
    let mut sums: Vec<u64> = Vec::new();
    for snapshot in snapshots.take(nr_windows) {
        let Some(now) = snapshot.lock(lock.addr.as_deref()) else {
            continue;
        };
        sums.resize(sums.len().max(now.buckets.len()), 0);
        for (sum, nr) in sums.iter_mut().zip(&now.buckets) {
            *sum += nr;
        }
    }
    let mut lines = vec![
        Line::raw(""),
        Line::styled("Waits done, by length", Look::strong()),
    ];
    let most = sums.iter().copied().max().unwrap_or(0);
    let first = sums.iter().position(|&nr| nr > 0);
    let last = sums.iter().rposition(|&nr| nr > 0);
    let (Some(first), Some(last)) = (first, last) else {
        lines.push(Line::raw("  none ended in these windows"));
        return lines;
    };
    let room = width.saturating_sub(40).min(MAX_BAR);
    for (bucket, &nr) in sums.iter().enumerate().take(last + 1).skip(first) {
        let floor = duration(livelock_common::bucket_floor_ns(bucket));
        let next = match bucket + 1 {
            next if next < sums.len() => {
                format!("to {}", duration(livelock_common::bucket_floor_ns(next)))
            }
            _ => "and more".to_owned(),
        };
        let nr_columns = (nr as f64 / most.max(1) as f64 * room as f64).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the room"
        )]
        let bar = "#".repeat(nr_columns as usize);
        lines.push(Line::from(vec![
            Span::raw(format!("  {floor:>7} {next:<11} {:>11}  ", count(nr))),
            Span::styled(bar, look.burn()),
        ]));
    }
    lines
}
