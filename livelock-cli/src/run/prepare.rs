//! What judging needs, names, code and the cost of a cache line, made ready while the kernel programs are being verified.
//!
//! In: the BTF of the running kernel. Out: [`Prepared`]. Refuses: to leave a first use, with all that it
//! builds, to the first windows: on a host without a CPU to spare it would show up in what they measure.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use livelock_core::lock_dictionary;
use livelock_core::spin_functions;
use livelock_core::topology::Topology;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::btf::Btf;
use crate::code::LiveCode;
use crate::host::topology;
use crate::names::{CgroupPaths, KernelSymbols, LiveNames, SymbolsError};
use crate::user_code::UserCode;

/// Names and code of this host.
pub(super) struct Prepared {
    pub(super) names: LiveNames,
    symbols_error: Option<SymbolsError>,
    pub(super) code: LiveCode,
    /// Where the CPUs are, and what moving a cache line costs.
    pub(super) topology: Topology,
}

/// What comes with the examination of the host.
type Given = (Arc<Btf>, Option<Arc<UserCode>>);

/// The thread that prepares.
pub(super) struct Preparing {
    given: SyncSender<Given>,
    task: JoinHandle<Prepared>,
}

impl Prepared {
    fn new(
        symbols: Result<KernelSymbols, SymbolsError>,
        given: Option<Given>,
        topology: Topology,
    ) -> Self {
        let (symbols, symbols_error) = match symbols {
            Ok(symbols) => (Some(symbols), None),
            Err(error) => (None, Some(error)),
        };
        let (btf, user_code) = given.unzip();
        let names = LiveNames::new(symbols, btf, CgroupPaths::of_this_host());
        Self {
            names: names.with_user_code(user_code.flatten()),
            symbols_error,
            code: LiveCode::open(),
            topology,
        }
    }

    /// The symbol table, or why there is none.
    pub(super) fn symbols(&self) -> Result<&KernelSymbols, &SymbolsError> {
        let why = self.symbols_error.as_ref().unwrap_or(&SymbolsError::Empty);
        self.names.symbols().ok_or(why)
    }
}

impl Preparing {
    /// Starts reading symbols, which needs no BTF.
    pub(super) fn start() -> Self {
        let (sender, given) = sync_channel(1);
        let task = spawn_blocking(move || {
            let placing = thread::spawn(topology);
            let symbols = KernelSymbols::load();
            // Read at its first use otherwise, which is the first judgement.
            log::debug!("symbols are there");
            lock_dictionary::dictionary();
            spin_functions::dictionary();
            log::debug!("dictionaries are there");
            Prepared::new(
                symbols,
                given.recv().ok(),
                placing.join().unwrap_or_default(),
            )
        });
        Self {
            given: sender,
            task,
        }
    }

    /// Gives what was read meanwhile, and who names user code if anybody does.
    pub(super) fn give(&self, btf: Arc<Btf>, user_code: Option<Arc<UserCode>>) {
        // A thread that is gone does not need it.
        let _ = self.given.send((btf, user_code));
    }

    /// What was prepared; can be waited for again if the wait is given up.
    pub(super) async fn wait(&mut self) -> Prepared {
        let done: Result<Prepared, JoinError> = (&mut self.task).await;
        done.unwrap_or_else(|_| Prepared::new(Err(SymbolsError::Empty), None, Topology::default()))
    }
}
