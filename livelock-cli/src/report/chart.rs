//! The session over time: status, where the CPUs' time went, progress.
//!
//! In: the time line. Out: one chart of three strips under one another. Refuses: a level for what could not be seen.

use livelock_core::verdict::Status;
use maud::{Markup, html};

use super::document::Document;
use super::svg::{LEFT, RIGHT, WIDTH, at, key, time_axis, x_of};
use super::timeline::{Column, Timeline};
use crate::render::units::{amount, count, duration};
use crate::render::{status_word, time_of_day};
use crate::screen::category::Category;
use crate::screen::{status_letter, status_title};

const STATUS_TOP: f64 = 4.0;
const STATUS_HEIGHT: f64 = 18.0;
const TIME_TOP: f64 = 34.0;
const TIME_HEIGHT: f64 = 200.0;
const PROGRESS_TOP: f64 = TIME_TOP + TIME_HEIGHT + 44.0;
const PROGRESS_HEIGHT: f64 = 64.0;
const HEIGHT: f64 = PROGRESS_TOP + PROGRESS_HEIGHT + 26.0;
/// An area at least this high and wide has room for the letter of its category.
const LETTER_HEIGHT: f64 = 13.0;
const LETTER_WIDTH: f64 = 9.0;
/// Shares below it have no place in the legend.
const MIN_LEGEND_PCT: f64 = 0.05;

pub(super) fn section(document: &Document) -> Markup {
    let timeline = &document.timeline;
    let merged = match timeline.nr_merged() {
        0 | 1 => "a column is a window".to_owned(),
        nr => format!(
            "a column is up to {nr} windows, merged so that the page has an end; the table `livelock export --format csv` has each of them"
        ),
    };
    let of = if document.verdict.scope.is_of_tasks() {
        "the CPUs that the scope could use"
    } else {
        "all CPUs"
    };
    html! {
        section id="time" {
            h2 { "Where the time went" }
            @if timeline.columns().is_empty() {
                p { "No window was closed." }
            } @else {
                figure {
                    (chart(timeline))
                    figcaption {
                        "From " (time_of_day(document.origin.began_unix_ms)) ", " (duration(timeline.duration_ns()))
                        " in " (count(timeline.nr_windows())) " windows; " (merged) ". Above: status of the windows up to there. "
                        "Middle: time of " (of) " in percent. Below: progress, tokens per busy CPU-second; where there is no bar it could not be told."
                    }
                }
                (legend(timeline, of))
            }
        }
    }
}

fn chart(timeline: &Timeline) -> Markup {
    let whole_ns = timeline.duration_ns();
    let columns = timeline.columns();
    html! {
        svg class="chart" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
            aria-label="Status, time ledger and progress over the session" {
            (statuses(columns, whole_ns))
            text class="axis" x=(at(LEFT - 6.0)) y=(at(STATUS_TOP + 13.0)) text-anchor="end" { "status" }
            @for pct in [0, 25, 50, 75, 100] {
                @let y = TIME_TOP + TIME_HEIGHT * (1.0 - f64::from(pct) / 100.0);
                line class="grid" x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(y)) y2=(at(y)) {}
                text class="axis" x=(at(LEFT - 6.0)) y=(at(y + 4.0)) text-anchor="end" { (pct) " %" }
            }
            @for category in Category::ALL {
                (area(columns, whole_ns, category))
            }
            rect class="frame" x=(at(LEFT)) y=(at(TIME_TOP)) width=(at(RIGHT - LEFT)) height=(at(TIME_HEIGHT)) {}
            (time_axis(TIME_TOP + TIME_HEIGHT, whole_ns, RIGHT))
            (progress(columns, whole_ns))
        }
    }
}

/// Neighbours of one status become one box.
fn statuses(columns: &[Column], whole_ns: u64) -> Markup {
    let mut boxes: Vec<(Status, u64, u64)> = Vec::new();
    for column in columns {
        let end_ns = column.begin_ns + column.duration_ns;
        match boxes.last_mut() {
            Some((status, _, last_ns)) if *status == column.status => *last_ns = end_ns,
            _ => boxes.push((column.status, column.begin_ns, end_ns)),
        }
    }
    html! {
        @for (status, begin_ns, end_ns) in boxes {
            @let (left, right) = (x_of(begin_ns, whole_ns), x_of(end_ns, whole_ns));
            @let word = status_word(status);
            @let room = right - left;
            g {
                title { (word) ", " (duration(begin_ns)) " to " (duration(end_ns)) }
                rect class={ "status s-" (word) } x=(at(left)) y=(at(STATUS_TOP)) width=(at(room)) height=(at(STATUS_HEIGHT)) {}
                @if room >= LETTER_WIDTH {
                    text class="on-status" x=(at((left + right) / 2.0)) y=(at(STATUS_TOP + 13.0)) text-anchor="middle" {
                        @if room >= 90.0 { (status_title(status).to_lowercase()) } @else { (status_letter(status)) }
                    }
                }
            }
        }
    }
}

/// One category, upon those before it, as steps.
fn area(columns: &[Column], whole_ns: u64, category: Category) -> Markup {
    let y_of = |pct: f64| TIME_TOP + TIME_HEIGHT * (1.0 - pct.clamp(0.0, 100.0) / 100.0);
    let below = |column: &Column| -> f64 {
        let before = Category::ALL.into_iter().take(category as usize);
        before.map(|category| column.spent.pct(category)).sum()
    };
    let is_there = columns
        .iter()
        .any(|column| column.spent.pct(category) > 0.0);
    // Idle is what is left: the empty part.
    if !is_there || category == Category::Idle {
        return html! {};
    }
    let mut path = String::new();
    let mut back = String::new();
    let mut largest: Option<(f64, f64, f64)> = None;
    for column in columns {
        let left = x_of(column.begin_ns, whole_ns);
        let right = x_of(column.begin_ns + column.duration_ns, whole_ns);
        let bottom = below(column);
        let top = bottom + column.spent.pct(category);
        let (y_top, y_bottom) = (y_of(top), y_of(bottom));
        let step = if path.is_empty() { 'M' } else { 'L' };
        path.push_str(&format!("{step}{} {}H{}", at(left), at(y_top), at(right)));
        back.insert_str(0, &format!("L{} {}H{}", at(right), at(y_bottom), at(left)));
        let height = y_bottom - y_top;
        if largest.is_none_or(|(most, ..)| height > most) {
            largest = Some((height, (left + right) / 2.0, (y_top + y_bottom) / 2.0));
        }
    }
    let letter = largest.filter(|(height, ..)| *height >= LETTER_HEIGHT);
    html! {
        g {
            title { (category.name()) }
            path class={ "area e-" (key(category)) } fill={ "url(#p-" (key(category)) ")" } d={ (path) (back) "Z" } {}
            @if let Some((_, x, y)) = letter {
                text class="letter" x=(at(x.clamp(LEFT + 8.0, RIGHT - 8.0))) y=(at(y + 4.5)) text-anchor="middle" {
                    (category.letter())
                }
            }
        }
    }
}

fn progress(columns: &[Column], whole_ns: u64) -> Markup {
    let known = columns.iter().filter_map(Column::tokens_per_busy_sec);
    let baseline = columns
        .iter()
        .rev()
        .find_map(|column| column.baseline_per_busy_sec);
    let most = known.chain(baseline).fold(0.0, f64::max);
    let y_of =
        |tokens: f64| PROGRESS_TOP + PROGRESS_HEIGHT * (1.0 - tokens / most.max(f64::MIN_POSITIVE));
    let bottom = PROGRESS_TOP + PROGRESS_HEIGHT;
    let mut path = String::new();
    for column in columns {
        if let Some(tokens) = column.tokens_per_busy_sec() {
            let left = x_of(column.begin_ns, whole_ns);
            let right = x_of(column.begin_ns + column.duration_ns, whole_ns);
            path.push_str(&format!(
                "M{} {}V{}H{}V{}Z",
                at(left),
                at(bottom),
                at(y_of(tokens)),
                at(right),
                at(bottom)
            ));
        }
    }
    html! {
        text class="axis" x=(at(LEFT - 6.0)) y=(at(PROGRESS_TOP + 8.0)) text-anchor="end" { (amount(most)) }
        text class="axis" x=(at(LEFT - 6.0)) y=(at(bottom + 4.0)) text-anchor="end" { "0" }
        text class="axis" x=(at(LEFT)) y=(at(PROGRESS_TOP - 6.0)) { "progress, tokens per busy CPU-second" }
        path class="progress" d=(path) {}
        rect class="frame" x=(at(LEFT)) y=(at(PROGRESS_TOP)) width=(at(RIGHT - LEFT)) height=(at(PROGRESS_HEIGHT)) {}
        @if let Some(usual) = baseline {
            @let y = y_of(usual);
            line class="usual" x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(y)) y2=(at(y)) {}
            text class="axis" x=(at(RIGHT - 4.0)) y=(at(if y > PROGRESS_TOP + 14.0 { y - 4.0 } else { y + 13.0 })) text-anchor="end" {
                "usual " (amount(usual))
            }
        }
        (time_axis(bottom, whole_ns, RIGHT))
    }
}

fn legend(timeline: &Timeline, of: &str) -> Markup {
    let sum = timeline.sum();
    let shown = Category::ALL
        .into_iter()
        .filter(|&category| category == Category::Idle || sum.pct(category) >= MIN_LEGEND_PCT);
    html! {
        ul class="legend" aria-label={ "Shares of the time of " (of) } {
            @for category in shown {
                li {
                    (swatch(category))
                    b { (category.letter()) } " " (category.name()) " " (format!("{:.1} %", sum.pct(category)))
                }
            }
        }
    }
}

/// A category as it is drawn.
pub(super) fn swatch(category: Category) -> Markup {
    html! {
        svg class="swatch" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
            rect width="16" height="16" class={ "e-" (key(category)) } fill={ "url(#p-" (key(category)) ")" } {}
        }
    }
}
