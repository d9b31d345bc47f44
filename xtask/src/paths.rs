//! Where things are. In: the current folder. Out: folders of this workspace, made on demand.
//! Refuses: to run outside the workspace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Root of the workspace: the nearest folder upwards that holds this package.
pub(crate) fn workspace_root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("failed to read the current folder")?;
    here.ancestors()
        .find(|dir| dir.join("xtask/Cargo.toml").is_file() && dir.join("Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .with_context(|| {
            format!(
                "{} is not inside the livelock workspace; change into it first",
                here.display()
            )
        })
}

/// A folder under `target/vm`, made if it does not exist.
pub(crate) fn vm_dir(name: &str) -> anyhow::Result<PathBuf> {
    let dir = workspace_root()?.join("target/vm").join(name);
    make_dir(&dir)?;
    Ok(dir)
}

/// Where `dir` is made before it is complete: beside it, under a name of this process.
pub(crate) fn unfinished(dir: &Path) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    PathBuf::from(name)
}

/// Makes a folder and its parents.
pub(crate) fn make_dir(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("failed to make {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_being_made_do_not_meet() {
        let [old, new] = ["kernels/6.1", "kernels/6.12"].map(|dir| unfinished(Path::new(dir)));
        assert_ne!(old, new);
        assert_eq!(old.parent(), Some(Path::new("kernels")));
        assert!(old.to_string_lossy().starts_with("kernels/6.1.partial-"));
    }
}
