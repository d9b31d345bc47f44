//! Sources, from what was typed to one reading a window.
//!
//! In: declarations. Out: [`Found`] once all of them exist, [`Sources`] once they are attached, then readings.
//! Refuses: to attach anything while one of them is wrong.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use livelock_common::MAX_DECLARED;
use livelock_core::declared::DeclaredReading;
use memmap2::Mmap;

use super::error::{DeclareError, NotFound};
use super::exec::{self, ExecCounter};
use super::file::FileCounter;
use super::spec::{Declaration, Spec};
use super::{elf, libraries, tracefs};
use crate::capture::{DeclaredProbes, ProbeSite};

/// A source that exists.
#[derive(Debug)]
enum Source {
    /// Counted by probes, under this number.
    Probed(usize),
    File(FileCounter),
    /// A command, and how long it may run.
    Command(String, Duration),
}

/// Sources that exist, nothing of which is attached.
#[derive(Debug, Default)]
pub struct Found {
    sources: Vec<Source>,
    sites: Vec<ProbeSite>,
}

impl Found {
    /// Looks for all that was declared. Commands run once, for as long as `window` at most: a slower one would
    /// be late at each close.
    ///
    /// # Errors
    ///
    /// The first one that does not exist or gives no number.
    pub fn of(declared: &[Declaration], window: Duration) -> Result<Self, DeclareError> {
        let mut found = Self::default();
        let mut nr_probed = 0;
        for declaration in declared {
            let source = found
                .find(&declaration.spec, &mut nr_probed, window)
                .map_err(|why| DeclareError {
                    spec: declaration.text.clone(),
                    why,
                })?;
            found.sources.push(source);
        }
        Ok(found)
    }

    fn find(
        &mut self,
        spec: &Spec,
        nr_probed: &mut usize,
        window: Duration,
    ) -> Result<Source, NotFound> {
        let counter = match spec {
            Spec::Cgroup { file, key } => FileCounter::Summed(file.clone(), key.clone()),
            Spec::File { path, key: None } => FileCounter::Plain(path.clone()),
            Spec::File {
                path,
                key: Some(key),
            } => FileCounter::Keyed(path.clone(), key.clone()),
            Spec::Exec { command } => {
                exec::run(command, window, &AtomicBool::new(false)).map_err(NotFound::Command)?;
                return Ok(Source::Command(command.clone(), window));
            }
            Spec::Uprobe { .. } | Spec::Usdt { .. } | Spec::Tracepoint { .. } => {
                let number = *nr_probed;
                if number >= MAX_DECLARED {
                    return Err(NotFound::TooMany { max: MAX_DECLARED });
                }
                *nr_probed += 1;
                self.sites.extend(sites(spec, number)?);
                return Ok(Source::Probed(number));
            }
        };
        counter.check()?;
        Ok(Source::File(counter))
    }

    /// Attaches what must be attached.
    ///
    /// # Errors
    ///
    /// If the kernel refuses a probe; nothing stays attached then.
    pub fn attach(self) -> anyhow::Result<Sources> {
        let probes = if self.sites.is_empty() {
            None
        } else {
            Some(DeclaredProbes::attach(&self.sites)?)
        };
        let open = |source| {
            Ok(match source {
                Source::Probed(number) => Reader::Probed(number),
                Source::File(counter) => Reader::File(counter),
                Source::Command(command, limit) => Reader::Exec(
                    ExecCounter::start(command, limit)
                        .context("start the thread of a command of --progress")?,
                ),
            })
        };
        let readers = self.sources.into_iter().map(open);
        Ok(Sources {
            readers: readers.collect::<anyhow::Result<_>>()?,
            probes,
        })
    }
}

/// Places of a function, USDT probe or tracepoint that is counted under `number`.
fn sites(spec: &Spec, number: usize) -> Result<Vec<ProbeSite>, NotFound> {
    let (target, find): (_, Box<Finder<'_>>) = match spec {
        Spec::Tracepoint { subsystem, event } => {
            return Ok(vec![ProbeSite::Tracepoint {
                source: number,
                name: spec.name(),
                id: tracefs::event_id(subsystem, event)?,
            }]);
        }
        Spec::Uprobe {
            target,
            symbol,
            offset_bytes,
        } => (
            target,
            Box::new(|path, bytes| elf::function(path, bytes, symbol, *offset_bytes)),
        ),
        Spec::Usdt {
            target,
            provider,
            probe,
        } => (
            target,
            Box::new(|path, bytes| elf::usdt(path, bytes, provider, probe)),
        ),
        Spec::Cgroup { .. } | Spec::File { .. } | Spec::Exec { .. } => return Ok(Vec::new()),
    };
    let path = libraries::locate(target)?;
    let bytes = map(&path)?;
    let places = find(&path, &bytes)?;
    let site = |place: elf::Place| ProbeSite::Uprobe {
        source: number,
        name: spec.name(),
        path: path.clone(),
        offset_bytes: place.offset_bytes,
        semaphore_bytes: place.semaphore_bytes,
    };
    Ok(places.into_iter().map(site).collect())
}

type Finder<'a> = dyn Fn(&Path, &[u8]) -> Result<Vec<elf::Place>, NotFound> + 'a;

fn map(path: &Path) -> Result<Mmap, NotFound> {
    let failed = |source| NotFound::Read {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(NotFound::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(failed)?;
    // SAFETY: programs and libraries are replaced, not written to, while they may be in use; the parser checks
    // each access.
    unsafe { Mmap::map(&file) }.map_err(failed)
}

/// Sources that are read once a window.
pub struct Sources {
    readers: Vec<Reader>,
    probes: Option<DeclaredProbes>,
}

#[derive(Debug)]
enum Reader {
    Probed(usize),
    File(FileCounter),
    Exec(ExecCounter),
}

impl Sources {
    /// All of them as of now, in the order of their declarations.
    pub fn read(&mut self) -> Vec<DeclaredReading> {
        let Self { readers, probes } = self;
        let read = |reader: &mut Reader| DeclaredReading {
            value: match reader {
                Reader::Probed(number) => probes.as_ref().map(|probes| probes.nr_hits(*number)),
                Reader::File(counter) => counter.read(),
                Reader::Exec(counter) => counter.read(),
            },
        };
        readers.iter_mut().map(read).collect()
    }
}
