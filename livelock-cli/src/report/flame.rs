//! Flame graphs, standing on their head: the lock above, then the path from the entry into the kernel inwards.
//!
//! In: paths by time. Out: boxes as wide as their time. Refuses: scripts, boxes too narrow to be seen and paths too deep
//! to be read, whose time is told; the zoomable picture is `livelock export --format svg`.

use std::collections::BTreeMap;

use livelock_core::locks::FlamePath;
use maud::{Markup, html};

use super::document::Document;
use super::svg::{WIDTH, at};
use super::words::{nanoseconds, plain};
use crate::render::units::cut_end;

const ROW: f64 = 17.0;
/// Narrower boxes are left out.
const MIN_WIDTH: f64 = 1.5;
/// Levels, the lock included.
const MAX_DEPTH: usize = 40;
/// Width of a character of a label.
const CHAR: f64 = 6.7;
/// Columns below which a label says nothing.
const MIN_LABEL: usize = 4;

#[derive(Default)]
struct Node {
    time_ns: u64,
    below: BTreeMap<String, Node>,
}

impl Node {
    fn grow(&mut self, path: &FlamePath) {
        let mut node = self;
        node.time_ns = node.time_ns.saturating_add(path.time_ns);
        for frame in path.frames.iter().take(MAX_DEPTH) {
            node = node.below.entry(frame.clone()).or_default();
            node.time_ns = node.time_ns.saturating_add(path.time_ns);
        }
    }
}

struct Placed<'a> {
    name: &'a str,
    x: f64,
    width: f64,
    depth: usize,
    time_ns: u64,
}

/// Boxes, widest first at each level, and the time of the innermost ones that were left out.
fn place<'a>(
    node: &'a Node,
    x: f64,
    depth: usize,
    scale: f64,
    placed: &mut Vec<Placed<'a>>,
) -> u64 {
    let mut below: Vec<(&String, &Node)> = node.below.iter().collect();
    below.sort_by_key(|(name, child)| (std::cmp::Reverse(child.time_ns), *name));
    let mut left_out_ns = 0_u64;
    let mut x = x;
    for (name, child) in below {
        let width = child.time_ns as f64 * scale;
        if width < MIN_WIDTH {
            left_out_ns = left_out_ns.saturating_add(child.time_ns);
            continue;
        }
        placed.push(Placed {
            name,
            x,
            width,
            depth,
            time_ns: child.time_ns,
        });
        left_out_ns = left_out_ns.saturating_add(place(child, x, depth + 1, scale, placed));
        x += width;
    }
    left_out_ns
}

pub(super) fn section(document: &Document) -> Markup {
    html! {
        section id="flames" {
            h2 { "Flame graphs" }
            @if let Some(flames) = &document.flames {
                h3 { "Waiting: where the time went" }
                (graph(&flames.waiters, "Time waited for locks, by the path that waited"))
                h3 { "Holding: because of whom" }
                (graph(&flames.holders, "The same time, by the path that held the lock meanwhile"))
                p class="faint" {
                    "A lock's time is exact, its paths are by sampled stacks. For a picture to zoom and search: "
                    code { "livelock replay FILE export --format svg" } "."
                }
            } @else {
                p { "Paths of the whole session are not kept by the screen; " code { "livelock report" } " draws them." }
            }
        }
    }
}

fn graph(paths: &[FlamePath], what: &str) -> Markup {
    let mut root = Node::default();
    paths.iter().for_each(|path| root.grow(path));
    if root.time_ns == 0 {
        return html! { p { "Nobody waited for a lock." } };
    }
    let mut placed = Vec::new();
    let scale = WIDTH / root.time_ns as f64;
    let left_out_ns = place(&root, 0.0, 0, scale, &mut placed);
    let nr_rows = placed
        .iter()
        .map(|placed| placed.depth + 1)
        .max()
        .unwrap_or(0);
    let is_cut = paths.iter().any(|path| path.frames.len() > MAX_DEPTH);
    html! {
        figure {
            svg class="chart flame" viewBox={ "0 0 " (WIDTH) " " (at(ROW * nr_rows as f64 + 1.0)) } role="img" aria-label=(what) {
                @for placed in &placed {
                    @let y = ROW * placed.depth as f64;
                    @let share = 100.0 * placed.time_ns as f64 / root.time_ns as f64;
                    @let name = plain(placed.name);
                    g {
                        title { (name) ": " (nanoseconds(placed.time_ns as f64)) ", " (format!("{share:.1} %")) }
                        rect class=(if placed.depth == 0 { "fl lock" } else if placed.depth.is_multiple_of(2) { "fl even" } else { "fl odd" })
                            x=(at(placed.x)) y=(at(y)) width=(at((placed.width - 0.5).max(0.5))) height=(at(ROW - 1.0)) {}
                        @let room = room(placed.width);
                        @if room >= MIN_LABEL {
                            text class="frame-name" x=(at(placed.x + 3.0)) y=(at(y + 12.0)) { (cut_end(&name, room)) }
                        }
                    }
                }
            }
            figcaption {
                (what) ": " (nanoseconds(root.time_ns as f64)) " in all."
                @if left_out_ns > 0 { " Boxes of " (nanoseconds(left_out_ns as f64)) " in all are too narrow to be drawn." }
                @if is_cut { " Paths are cut below " (MAX_DEPTH) " levels." }
            }
        }
    }
}

fn room(width: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; negative room is none"
    )]
    let room = ((width - 6.0) / CHAR) as usize;
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_as_wide_as_its_time_and_what_is_too_narrow_is_told() {
        let path = |frames: &[&str], time_ns| FlamePath {
            frames: frames.iter().map(|&frame| frame.to_owned()).collect(),
            time_ns,
        };
        let paths = [
            path(&["a", "b"], 750_000),
            path(&["a", "c"], 249_000),
            path(&["z"], 1_000),
        ];
        let mut root = Node::default();
        paths.iter().for_each(|path| root.grow(path));
        let mut placed = Vec::new();
        let left_out = place(&root, 0.0, 0, WIDTH / root.time_ns as f64, &mut placed);
        let names: Vec<_> = placed
            .iter()
            .map(|placed| (placed.name, placed.depth))
            .collect();
        assert_eq!(names, [("a", 0), ("b", 1), ("c", 1)]);
        assert!((placed[1].width - 720.0).abs() < 1e-6 && (placed[2].x - 720.0).abs() < 1e-6);
        assert_eq!(left_out, 1_000);
        let html = graph(&paths, "x").into_string();
        assert!(
            html.contains("too narrow") && html.contains("75.0 %"),
            "{html}"
        );
        assert!(graph(&[], "x").into_string().contains("Nobody waited"));
    }
}
