//! The objects and where they live.
//!
//! In: what the linker wrote. Out: bytes that may be committed. Refuses: an object that names a folder
//! of this machine, because nobody else could build the same one.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// The object of the tool.
pub(crate) const LIVELOCK: &str = "livelock.bpf.o";

/// The object that counts declared progress.
const DECLARED: &str = "declared.bpf.o";

/// The object that the cost bench compares with.
const FLOOR: &str = "floor.bpf.o";

/// Binary of livelock-ebpf, file name, and folder in the repository.
pub(super) const OBJECTS: &[(&str, &str, &str)] = &[
    ("livelock", LIVELOCK, "livelock-cli/bpf"),
    ("declared", DECLARED, "livelock-cli/bpf"),
    ("floor", FLOOR, "xtask/bpf"),
];

/// One object.
pub(crate) struct Object {
    /// Its name, everywhere.
    pub(crate) file_name: &'static str,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
}

/// Where the repository keeps an object.
pub(crate) fn committed_path(root: &Path, file_name: &str) -> PathBuf {
    let dir = OBJECTS
        .iter()
        .find(|(_, name, _)| *name == file_name)
        .map_or("livelock-cli/bpf", |(_, _, dir)| dir);
    root.join(dir).join(file_name)
}

/// Fails if `bytes` holds one of the folders.
pub(super) fn refuse_paths<'a>(
    file_name: &str,
    bytes: &[u8],
    folders: impl Iterator<Item = &'a Path>,
) -> anyhow::Result<()> {
    for folder in folders {
        let needle = folder.as_os_str().as_encoded_bytes();
        // A root folder as short as `/` would be found everywhere and tell nothing.
        if needle.len() > 1 && bytes.windows(needle.len()).any(|part| part == needle) {
            bail!(
                "{file_name} holds the path {}; its prefix must be remapped in xtask/src/ebpf/build.rs",
                folder.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_refused() {
        let bytes = b"\x7fELF\0/home/me/livelock/src/main.rs\0";
        let refuse = |folder: &str| {
            refuse_paths(LIVELOCK, bytes, std::iter::once(Path::new(folder)))
                .map_err(|err| err.to_string())
        };
        assert!(refuse("/home/me").unwrap_err().contains("/home/me"));
        assert!(refuse("/home/you").is_ok());
        assert!(refuse("/").is_ok());
    }

    #[test]
    fn each_object_has_its_folder() {
        let path = |name| committed_path(Path::new("r"), name);
        assert_eq!(
            path(LIVELOCK),
            Path::new("r/livelock-cli/bpf/livelock.bpf.o")
        );
        assert_eq!(
            path(DECLARED),
            Path::new("r/livelock-cli/bpf/declared.bpf.o")
        );
        assert_eq!(path(FLOOR), Path::new("r/xtask/bpf/floor.bpf.o"));
    }
}
