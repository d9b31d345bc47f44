//! The kernels that the rig knows.
//!
//! In: a short name, and the package names of a suite. Out: the suite and the newest package that
//! matches. Refuses: names that are not in the table. A new kernel is a new row.

use anyhow::Context as _;

/// One kernel: where Debian keeps it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    /// Short name for `--kernel`.
    pub(crate) name: &'static str,
    /// Debian suite.
    pub(crate) suite: &'static str,
    /// What stands before the version in the package's name.
    package_prefix: &'static str,
    /// What stands after it. Names that go on (`-unsigned`, `-dbg`) do not match.
    package_suffix: &'static str,
    /// What the row is for.
    pub(crate) note: &'static str,
    /// The package holds sources, to be built here with these lines of configuration; `None`: it holds the kernel.
    pub(crate) built_with: Option<&'static str>,
}

/// All kernels, oldest first.
pub(crate) const KERNELS: &[Kernel] = &[
    Kernel {
        name: "5.10",
        suite: "bullseye",
        package_prefix: "linux-image-5.10.0-",
        package_suffix: "-cloud-amd64",
        note: "older than the contention tracepoints: must be refused politely",
        built_with: None,
    },
    Kernel {
        name: "6.1",
        suite: "bookworm",
        package_prefix: "linux-image-6.1.0-",
        package_suffix: "-cloud-amd64",
        note: "oldest supported",
        built_with: None,
    },
    Kernel {
        name: "6.1-rt",
        suite: "bookworm",
        package_prefix: "linux-image-6.1.0-",
        package_suffix: "-rt-amd64",
        note: "PREEMPT_RT: most spinlocks sleep",
        built_with: None,
    },
    Kernel {
        name: "6.1-lockdep",
        suite: "bookworm",
        package_prefix: "linux-source-6.1",
        package_suffix: "",
        note: "built here in half an hour, with lockdep and lock statistics: every acquisition and release is traced",
        built_with: Some(include_str!("lockdep.config")),
    },
    Kernel {
        name: "6.12",
        suite: "trixie",
        package_prefix: "linux-image-6.12.",
        package_suffix: "+deb13-cloud-amd64",
        note: "stable",
        built_with: None,
    },
    Kernel {
        name: "6.12-rt",
        suite: "trixie",
        package_prefix: "linux-image-6.12.",
        package_suffix: "+deb13-rt-amd64",
        note: "PREEMPT_RT",
        built_with: None,
    },
    Kernel {
        name: "6.18",
        suite: "trixie-backports",
        package_prefix: "linux-image-6.18.",
        package_suffix: "+deb13-cloud-amd64",
        note: "long term",
        built_with: None,
    },
    Kernel {
        name: "7.3",
        suite: "trixie-backports",
        package_prefix: "linux-binary-7.3.",
        package_suffix: "+deb13-cloud-amd64",
        note: "newest",
        built_with: None,
    },
];

/// What `vm fetch` gets when it is not told: the oldest supported and the newest.
pub(crate) const DEFAULT_KERNELS: &[&str] = &["6.1", "7.3"];

/// The row of a short name.
pub(crate) fn by_name(name: &str) -> anyhow::Result<&'static Kernel> {
    KERNELS
        .iter()
        .find(|kernel| kernel.name == name)
        .with_context(|| {
            let known: Vec<_> = KERNELS.iter().map(|kernel| kernel.name).collect();
            format!(
                "kernel '{name}' is not known; known are {}",
                known.join(", ")
            )
        })
}

impl Kernel {
    /// The prefix, to ask a package index with.
    pub(crate) fn package_prefix(&self) -> &'static str {
        self.package_prefix
    }

    /// The package to take: of sources the one of this name, of kernels the newest.
    pub(crate) fn package<'a>(&self, packages: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        match self.built_with {
            Some(_) => packages
                .into_iter()
                .find(|name| *name == self.package_prefix),
            None => self.newest(packages),
        }
    }

    /// The newest of the packages that this row matches.
    fn newest<'a>(&self, packages: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        packages
            .filter_map(|package| {
                let version = package
                    .strip_prefix(self.package_prefix)?
                    .strip_suffix(self.package_suffix)?;
                let parts: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
                Some((parts.ok()?, package))
            })
            .max()
            .map(|(_, package)| package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_the_newest_signed_package() {
        let packages = [
            "linux-image-6.1.0-9-cloud-amd64",
            "linux-image-6.1.0-50-cloud-amd64-unsigned",
            "linux-image-6.1.0-47-cloud-amd64",
            "linux-image-6.1.0-51-rt-amd64",
            "linux-image-6.1.0-52-cloud-amd64-dbg",
            "linux-image-6.1.0-53-amd64",
        ];
        let newest = |name| by_name(name).unwrap().newest(packages.into_iter());
        assert_eq!(newest("6.1"), Some("linux-image-6.1.0-47-cloud-amd64"));
        assert_eq!(newest("6.1-rt"), Some("linux-image-6.1.0-51-rt-amd64"));
        assert_eq!(newest("7.3"), None);
        let sources = ["linux-source-6.1", "linux-source-6.12"];
        let package = |name| by_name(name).unwrap().package(sources.into_iter());
        assert_eq!(package("6.1-lockdep"), Some("linux-source-6.1"));
        assert_eq!(package("6.1"), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let packages = [
            "linux-binary-7.3.4+deb13-cloud-amd64",
            "linux-binary-7.3.12+deb13-cloud-amd64",
        ];
        let newest = by_name("7.3").unwrap().newest(packages.into_iter());
        assert_eq!(newest, Some("linux-binary-7.3.12+deb13-cloud-amd64"));
    }

    #[test]
    fn the_defaults_are_in_the_table() {
        for name in DEFAULT_KERNELS {
            assert!(by_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = by_name("4.19").unwrap_err().to_string();
        assert!(message.contains("6.1, 6.1-rt"), "{message}");
    }
}
