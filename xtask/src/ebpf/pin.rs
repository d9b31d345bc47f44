//! The versions that built the committed objects.
//!
//! In: versions, or the committed text file. Out: the file, or what differs. Refuses: to compare
//! bytes of different versions; that is the caller's to respect.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Name of the file, beside the object.
pub(super) const FILE_NAME: &str = "TOOLCHAIN";

const HEADER: &str = "\
# What built the objects here and in xtask/bpf. Written by `cargo xtask ebpf`;
# `cargo xtask ebpf --check` compares bytes only if the toolchain at hand is this one.
";

/// Tools and versions, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin(pub(super) Vec<(String, String)>);

/// Where the repository keeps it.
pub(super) fn committed_path(root: &Path) -> PathBuf {
    root.join("livelock-cli/bpf").join(FILE_NAME)
}

impl Pin {
    /// Reads the committed file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "failed to read {}; write it with `cargo xtask ebpf`",
                path.display()
            )
        })?;
        Ok(Self::parse(&text))
    }

    /// Writes the file.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, self.text()).with_context(|| format!("failed to write {}", path.display()))
    }

    /// What differs, for people; `None` if nothing does.
    pub(super) fn difference(&self, here: &Self) -> Option<String> {
        if self == here {
            return None;
        }
        let version = |pin: &Self, tool: &str| {
            let found = pin.0.iter().find(|(name, _)| name == tool);
            found.map_or("none".to_owned(), |(_, version)| version.clone())
        };
        let mut tools: Vec<&String> = self.0.iter().chain(&here.0).map(|(tool, _)| tool).collect();
        tools.sort();
        tools.dedup();
        let differences: Vec<String> = tools
            .into_iter()
            .map(|tool| (tool, version(self, tool), version(here, tool)))
            .filter(|(_, pinned, here)| pinned != here)
            .map(|(tool, pinned, here)| format!("{tool} is pinned to {pinned}, here is {here}"))
            .collect();
        Some(differences.join("; "))
    }

    fn parse(text: &str) -> Self {
        let pairs = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(": "));
        Self(
            pairs
                .map(|(tool, version)| (tool.to_owned(), version.to_owned()))
                .collect(),
        )
    }

    fn text(&self) -> String {
        let lines = self.0.iter();
        lines.fold(HEADER.to_owned(), |text, (tool, version)| {
            format!("{text}{tool}: {version}\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(rustc: &str) -> Pin {
        Pin(vec![
            ("rustc".to_owned(), rustc.to_owned()),
            ("bpf-linker".to_owned(), "0.13.0".to_owned()),
        ])
    }

    #[test]
    fn survives_the_file() {
        assert_eq!(Pin::parse(&pin("1.96.0 (abc)").text()), pin("1.96.0 (abc)"));
    }

    #[test]
    fn only_differences_are_told() {
        assert_eq!(pin("1").difference(&pin("1")), None);
        assert_eq!(
            pin("1").difference(&pin("2")).as_deref(),
            Some("rustc is pinned to 1, here is 2")
        );
        let linker_only = Pin(pin("1").0.split_off(1));
        assert_eq!(
            pin("1").difference(&linker_only).as_deref(),
            Some("rustc is pinned to 1, here is none")
        );
    }
}
