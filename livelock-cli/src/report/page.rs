//! The page itself.
//!
//! In: a document. Out: HTML. Refuses: scripts and anything from elsewhere, by a policy in the page as well, so that a
//! browser refuses them too.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::document::Document;
use super::words::plain;
use super::{chains, chart, cpus, flame, head, host, locks, reasons, svg};
use crate::screen::status_title;

const STYLE: &str = include_str!("page.css");
/// Only the style in the page itself.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page, with a newline at its end. The same document gives the same bytes.
#[must_use]
pub(crate) fn html(document: &Document) -> String {
    let mut page = whole(document).into_string();
    page.push('\n');
    page
}

fn whole(document: &Document) -> Markup {
    let verdict = &document.verdict;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "livelock " (env!("CARGO_PKG_VERSION")) };
                title { (status_title(verdict.status)) " on " (plain(&verdict.host.hostname)) ": livelock" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (svg::patterns())
                main {
                    (head::section(document))
                    (contents())
                    (chart::section(document))
                    (cpus::section(document))
                    (locks::section(document))
                    (chains::section(verdict))
                    (flame::section(document))
                    (reasons::evidence(verdict))
                    (reasons::remedies(verdict))
                    (reasons::progress_section(verdict))
                    (reasons::activity(verdict))
                    (host::section(document))
                }
            }
        }
    }
}

fn contents() -> Markup {
    const PARTS: [(&str, &str); 9] = [
        ("time", "time"),
        ("cpus", "CPUs"),
        ("locks", "locks"),
        ("flames", "flame graphs"),
        ("evidence", "evidence"),
        ("progress", "progress"),
        ("books", "accounting"),
        ("host", "host"),
        ("reproduce", "reproduce"),
    ];
    html! {
        nav aria-label="Contents" {
            @for (id, name) in PARTS { a href={ "#" (id) } { (name) } }
        }
    }
}
