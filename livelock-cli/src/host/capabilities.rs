//! Capabilities of this process.
//!
//! In: the text of `/proc/self/status`. Out: which of those that matter here are effective. Refuses: to
//! look at uids; uid 0 without capabilities can do nothing.

/// Those that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Load programs and maps.
    Bpf,
    /// Attach to tracepoints, open perf events of the whole host.
    Perfmon,
    /// See kernel addresses in `/proc/kallsyms`, read the kernel's log.
    Syslog,
    /// Read other users' `/proc/PID/maps`.
    SysPtrace,
    /// Read run times of BPF programs; implies `Bpf` and `Perfmon`.
    SysAdmin,
}

impl Capability {
    /// Its name in `capabilities(7)`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
            Self::Syslog => "CAP_SYSLOG",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::SysAdmin => "CAP_SYS_ADMIN",
        }
    }

    /// Its bit, `include/uapi/linux/capability.h`.
    const fn bit(self) -> u32 {
        match self {
            Self::SysPtrace => 19,
            Self::SysAdmin => 21,
            Self::Syslog => 34,
            Self::Perfmon => 38,
            Self::Bpf => 39,
        }
    }
}

/// The effective set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// From the line `CapEff:`.
    #[must_use]
    pub fn parse(status: &str) -> Option<Self> {
        let mut lines = status.lines();
        let hex = lines.find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(hex.trim(), 16).ok().map(Self)
    }

    /// Whether `capability` is effective, by itself or through `CAP_SYS_ADMIN`.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        let own = self.0 >> capability.bit() & 1 == 1;
        match capability {
            Capability::Bpf | Capability::Perfmon | Capability::Syslog => {
                own || self.0 >> Capability::SysAdmin.bit() & 1 == 1
            }
            Capability::SysPtrace | Capability::SysAdmin => own,
        }
    }
}
