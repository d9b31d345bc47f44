//! Outputs that would destroy what they are made of.
//!
//! In: a [`Job`]. Out: what to type instead. Refuses: to go by names, which links and redirections do not share.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::args::{Job, Output, Source};
use crate::record::Input;

/// Why the job must not run; `None`: what it writes is none of what it reads.
pub(super) fn refusal(job: &Job) -> Option<String> {
    let (output, inputs) = match job {
        Job::Diagnose { source, output, .. }
        | Job::Export { source, output, .. }
        | Job::Report { source, output } => (output, vec![input(source)]),
        Job::Compare { a, b, output, .. } => (output, vec![input(&a.source), input(&b.source)]),
        _ => return None,
    };
    let Output::File(path) = output else {
        return None;
    };
    let written = std::fs::metadata(path).ok()?;
    inputs
        .into_iter()
        .flatten()
        .find(|input| is_read(input, &written))
        .map(|input| said(path, input))
}

const fn input(source: &Source) -> Option<&Input> {
    match source {
        Source::Recording { input, .. } => Some(input),
        Source::Host { .. } => None,
    }
}

/// Devices and pipes lose nothing by being written to.
fn is_read(input: &Input, written: &Metadata) -> bool {
    let read = match input {
        Input::Stdin => of_stdin(),
        Input::File(path) => std::fs::metadata(path),
    };
    read.is_ok_and(|read| {
        read.is_file() && (read.dev(), read.ino()) == (written.dev(), written.ino())
    })
}

fn of_stdin() -> io::Result<Metadata> {
    File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()
}

fn said(path: &Path, input: &Input) -> String {
    format!(
        "{} is what is read ({}), and writing to it would destroy it: type another name behind --output",
        path.display(),
        input.path().display()
    )
}
