//! Transactions that start over.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

/// Restarts for each commit from which transactions do not get on: of eleven attempts ten are thrown away. Between tasks that
/// change one btree some restarts are how it works. Source: docs/verdicts/transaction_restart.md.
pub const RESTARTS_PER_COMMIT: f64 = 10.0;

/// Restarts a second, for each CPU that is busy in the file system, from which starting over can be what it is busy with. A
/// restart throws away locks and paths in a btree, some tens of microseconds: 5000 of them are a tenth of a CPU and more. Below it
/// a high ratio says no more than that little is committed, as where files are only read. Our choice, not measured.
pub const RESTARTS_PER_SEC_AND_CPU: f64 = 5000.0;
