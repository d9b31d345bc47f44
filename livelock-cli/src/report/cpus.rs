//! A heat map: what each CPU did when, and how much of it was spinning.
//!
//! In: the time line. Out: a row for each CPU, shaded by the share spent spinning or in vain, with the letter of what
//! took most of its time. Refuses: more rows than anybody reads; the busiest stay, and the others are counted.

use livelock_core::ids::CpuId;
use maud::{Markup, html};

use super::document::Document;
use super::svg::{LEFT, RIGHT, WIDTH, at, time_axis, x_before};
use super::timeline::{Spent, Timeline};
use crate::render::units::count;
use crate::screen::category::Category;

/// Rows of the map.
const MAX_CPUS: usize = 96;
/// Narrower runs have no letter.
const LETTER_WIDTH: f64 = 9.0;
/// Shades: none, then a fifth each.
const NR_SHADES: usize = 6;
const TOP: f64 = 4.0;

pub(super) fn section(document: &Document) -> Markup {
    let timeline = &document.timeline;
    let mut cpus: Vec<(CpuId, Spent)> = timeline.cpus().into_iter().collect();
    let nr_all = cpus.len();
    cpus.sort_by(|a, b| {
        wasted_pct(&b.1)
            .total_cmp(&wasted_pct(&a.1))
            .then(a.0.cmp(&b.0))
    });
    cpus.truncate(MAX_CPUS);
    cpus.sort_by_key(|(cpu, _)| *cpu);
    html! {
        section id="cpus" {
            h2 { "CPUs" }
            @if document.verdict.scope.is_of_tasks() {
                p { "A scope of tasks has no CPUs of its own: they run wherever there is room." }
            } @else if cpus.is_empty() {
                p { "The times of single CPUs could not be read." }
            } @else {
                figure {
                    (map(timeline, &cpus))
                    figcaption {
                        "Shade: share of the CPU's time spent spinning (waste of other kinds is known for the host only). Letter: what took most of its time, "
                        "as in the chart above. Right: the share over the session."
                        @if nr_all > cpus.len() {
                            " The " (cpus.len()) " CPUs with the largest shares are shown, "
                            (count((nr_all - cpus.len()) as u64)) " are left out."
                        }
                    }
                }
                ul class="legend" aria-label="Shades" {
                    @for shade in 0..NR_SHADES {
                        li {
                            svg class="swatch" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
                                rect class={ "heat h" (shade) } width="16" height="16" {}
                            }
                            @match shade {
                                0 => "below 1 %",
                                1 => "to 20 %",
                                shade => (format!("{} to {} %", 20 * (shade - 1), 20 * shade)),
                            }
                        }
                    }
                }
            }
        }
    }
}

fn wasted_pct(spent: &Spent) -> f64 {
    spent.pct(Category::Spin) + spent.pct(Category::Vain)
}

/// Which shade a share has.
fn shade(pct: f64) -> usize {
    match pct {
        pct if pct < 1.0 => 0,
        pct if pct < 20.0 => 1,
        pct if pct < 40.0 => 2,
        pct if pct < 60.0 => 3,
        pct if pct < 80.0 => 4,
        _ => 5,
    }
}

/// Neighbouring columns that look the same.
struct Run {
    shade: usize,
    letter: char,
    begin_ns: u64,
    end_ns: u64,
}

fn runs(timeline: &Timeline, cpu: CpuId) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in timeline.columns() {
        let end_ns = column.begin_ns + column.duration_ns;
        let (shade, letter) = match column.cpus.get(&cpu) {
            Some(spent) => (shade(wasted_pct(spent)), spent.dominant().letter()),
            // Offline, or not read.
            None => (0, Category::Unknown.letter()),
        };
        match runs.last_mut() {
            Some(last) if last.shade == shade && last.letter == letter => last.end_ns = end_ns,
            _ => runs.push(Run {
                shade,
                letter,
                begin_ns: column.begin_ns,
                end_ns,
            }),
        }
    }
    runs
}

fn map(timeline: &Timeline, cpus: &[(CpuId, Spent)]) -> Markup {
    let whole_ns = timeline.duration_ns();
    let row = if cpus.len() <= 16 { 18.0 } else { 12.0 };
    let bottom = TOP + row * cpus.len() as f64;
    // Room for the share at the end of a row.
    let right = RIGHT - 56.0;
    let x = |ns| x_before(ns, whole_ns, right);
    let mut paths = [const { String::new() }; NR_SHADES];
    let mut letters: Vec<(f64, f64, usize, char)> = Vec::new();
    for (index, (cpu, _)) in cpus.iter().enumerate() {
        let y = TOP + row * index as f64;
        for run in runs(timeline, *cpu) {
            let (from, to) = (x(run.begin_ns), x(run.end_ns));
            if let Some(path) = paths.get_mut(run.shade) {
                path.push_str(&format!(
                    "M{} {}H{}V{}H{}Z",
                    at(from),
                    at(y),
                    at(to),
                    at(y + row - 1.0),
                    at(from)
                ));
            }
            if to - from >= LETTER_WIDTH {
                letters.push((
                    (from + to) / 2.0,
                    y + row / 2.0 + 3.5,
                    run.shade,
                    run.letter,
                ));
            }
        }
    }
    html! {
        svg class="chart" viewBox={ "0 0 " (WIDTH) " " (at(bottom + 26.0)) } role="img"
            aria-label="Share of spinning of each CPU over time" {
            @for (shade, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
                path class={ "heat h" (shade) } d=(path) {}
            }
            @for (x, y, shade, letter) in letters {
                text class={ "cell c" (shade) } x=(at(x)) y=(at(y)) text-anchor="middle" { (letter) }
            }
            @for (index, (cpu, spent)) in cpus.iter().enumerate() {
                @let y = TOP + row * index as f64 + row / 2.0 + 3.5;
                text class="axis" x=(at(LEFT - 6.0)) y=(at(y)) text-anchor="end" { "CPU " (cpu.0) }
                text class="axis" x=(at(right + 6.0)) y=(at(y)) { (format!("{:.0} %", wasted_pct(spent))) }
            }
            (time_axis(bottom, whole_ns, right))
        }
    }
}
