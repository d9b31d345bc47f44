//! The files of earlier incidents.
//!
//! In: the pattern of a flight recorder's names, the present incident, and how many may stay. Out: the oldest are removed. Refuses:
//! to remove what it would not have named itself, and the present one, whatever the clock says.

use std::fs;
use std::path::{Path, PathBuf};

use super::stamp::is_stamp;

/// Removes all but `present` and the newest others, `nr_kept` in all, of `pattern`, and returns what it removed. What
/// cannot be removed stays, which is logged: the recording goes on.
pub(super) fn remove_oldest(pattern: &Path, present: &Path, nr_kept: u32) -> Vec<PathBuf> {
    let folder = match pattern.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            log::warn!(
                "failed to look for older incidents in {}: {error}",
                folder.display()
            );
            return Vec::new();
        }
    };
    let mut incidents: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.file_name())
        .filter(|name| Some(name.as_os_str()) != present.file_name())
        .filter_map(|name| Some((age(pattern, &name.to_string_lossy())?, name)))
        .collect();
    incidents.sort();
    let nr_extra = (incidents.len() + 1).saturating_sub(nr_kept as usize);
    let extra = incidents.into_iter().take(nr_extra);
    // As the recorder names them, so that a report of what was recorded knows them.
    let extra = extra.map(|(_, name)| pattern.with_file_name(name));
    extra
        .filter(|path| match fs::remove_file(path) {
            Ok(()) => true,
            Err(error) => {
                log::warn!("failed to remove {}: {error}", path.display());
                false
            }
        })
        .collect()
}

/// The moment in the name of an incident of `pattern`, and its number in that second; `None` if it is none.
fn age(pattern: &Path, name: &str) -> Option<(String, u32)> {
    let rest = name.strip_prefix(&*pattern.file_stem()?.to_string_lossy())?;
    let rest = rest.strip_prefix('-')?;
    let rest = match pattern.extension() {
        Some(extension) => {
            let rest = rest.strip_suffix(&*extension.to_string_lossy())?;
            rest.strip_suffix('.')?
        }
        None => rest,
    };
    let (stamp, number) = match rest.split_once('-') {
        Some((stamp, number)) => (stamp, Some(number)),
        None => (rest, None),
    };
    let number = match number {
        // As it is written, without signs and zeros in front.
        Some(text) => text
            .parse()
            .ok()
            .filter(|nr: &u32| nr.to_string() == text)?,
        None => 1,
    };
    is_stamp(stamp).then(|| (stamp.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_told_and_sort_by_time() {
        let pattern = Path::new("/var/x.llrec");
        let age = |name| age(pattern, name);
        let stamp = || "20261124T185205Z".to_owned();
        assert_eq!(age("x-20261124T185205Z.llrec"), Some((stamp(), 1)));
        assert_eq!(age("x-20261124T185205Z-2.llrec"), Some((stamp(), 2)));
        for other in [
            "x.llrec",
            "x-20261124T185205Z",
            "x-20261124T185205Z.html",
            "y-20261124T185205Z.llrec",
            "x-2026.llrec",
            "x-20261124T185205Z-b.llrec",
            "x-20261124T185205Z-+2.llrec",
            "x-20261124T185205Z-02.llrec",
            "x-copy-20261124T185205Z.llrec",
        ] {
            assert_eq!(age(other), None, "{other}");
        }
    }
}
