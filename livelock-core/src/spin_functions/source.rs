//! The file of spin functions.
//!
//! In: TOML. Out: groups of functions, each with what a CPU does in them. Refuses: unknown fields and roles, functions
//! that [`known_functions`](crate::known_functions) cannot read, and those of no kernel without a reason.

use std::fmt;

use serde::Deserialize;

use crate::known_functions::{DictionaryError, KnownFunction, Presence};

/// What a CPU does in a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Waits by spinning.
    Spin,
    /// Idles.
    Idle,
    /// Idles by polling.
    PollingIdle,
    /// Waits for a lock without the hypervisor's CPU.
    HaltedWaiter,
    /// Goes into an interrupt, hard or soft, whoever was interrupted.
    Interrupt,
    /// Reads a clock outside of the CPU.
    SlowClock,
    /// Tries to take a lock.
    Trylock,
    /// Takes a lock.
    Lock,
    /// Lets a lock go.
    Unlock,
}

impl Role {
    /// The name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Idle => "idle",
            Self::PollingIdle => "polling_idle",
            Self::HaltedWaiter => "halted_waiter",
            Self::Interrupt => "interrupt",
            Self::SlowClock => "slow_clock",
            Self::Trylock => "trylock",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Functions with the same role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What a CPU does in them.
    pub role: Role,
    /// Why some of them are listed that no kernel of the matrix has, if there are such.
    pub reason: Option<String>,
    /// The functions.
    pub functions: Vec<KnownFunction>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    group: Vec<RawGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    role: Role,
    reason: Option<String>,
    functions: Vec<String>,
}

/// Reads the file.
pub(super) fn read(text: &str) -> Result<Vec<Group>, DictionaryError> {
    let file: File = toml::from_str(text)?;
    file.group.into_iter().map(group).collect()
}

fn group(raw: RawGroup) -> Result<Group, DictionaryError> {
    let functions = KnownFunction::parse_all(raw.role.name(), &raw.functions)?;
    let is_elsewhere = |function: &KnownFunction| function.presence == Presence::Elsewhere;
    if functions.iter().any(is_elsewhere) != raw.reason.is_some() {
        return Err(DictionaryError::Reason {
            whose: raw.role.name().to_owned(),
        });
    }
    Ok(Group {
        role: raw.role,
        reason: raw.reason,
        functions,
    })
}
