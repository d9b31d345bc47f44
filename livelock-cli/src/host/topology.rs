//! Where the CPUs are to one another.
//!
//! In: `/sys/devices/system/cpu/cpu*/{topology,cache}` and `/sys/devices/system/node`. Out: a [`CpuPlace`] for each
//! online CPU. Refuses: to fail; a file that is missing or damaged leaves its part unknown.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use livelock_core::ids::CpuId;
use livelock_core::topology::CpuPlace;

use super::cpus_of_list;

/// Where sysfs has devices.
const SYSTEM: &str = "/sys/devices/system";

/// Indices of caches looked at: no CPU has more than five.
const MAX_CACHES: usize = 8;

/// The online CPUs of this host.
#[must_use]
pub fn cpu_places() -> Vec<CpuPlace> {
    places_below(Path::new(SYSTEM))
}

/// Those of a tree like `/sys/devices/system`.
pub(super) fn places_below(system: &Path) -> Vec<CpuPlace> {
    let cpus = system.join("cpu");
    let online = text(&cpus.join("online")).and_then(|list| cpus_of_list(&list));
    let nodes = nodes(system);
    let place = |cpu: CpuId| {
        let cpu_dir = cpus.join(format!("cpu{}", cpu.0));
        let first = |file: &str| first_of(&cpu_dir.join("topology").join(file));
        CpuPlace {
            cpu,
            // The names are those of Linux 5.2 and later; the older ones stay.
            core: first("core_cpus_list").or_else(|| first("thread_siblings_list")),
            l3: l3(&cpu_dir.join("cache")),
            package: first("package_cpus_list").or_else(|| first("core_siblings_list")),
            node: nodes.get(&cpu).copied(),
        }
    };
    online.unwrap_or_default().into_iter().map(place).collect()
}

/// First CPU that shares the cache of level 3.
fn l3(caches: &Path) -> Option<CpuId> {
    (0..MAX_CACHES).find_map(|index| {
        let cache = caches.join(format!("index{index}"));
        let is_l3 = text(&cache.join("level")).is_some_and(|level| level.trim() == "3");
        is_l3.then(|| first_of(&cache.join("shared_cpu_list")))?
    })
}

/// NUMA node of each CPU; a host without `node` has not told.
fn nodes(system: &Path) -> BTreeMap<CpuId, u32> {
    let entries = fs::read_dir(system.join("node")).ok();
    let mut by_cpu = BTreeMap::new();
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("node"));
        let Some(node) = number.and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        let cpus = text(&entry.path().join("cpulist")).and_then(|list| cpus_of_list(&list));
        by_cpu.extend(cpus.into_iter().flatten().map(|cpu| (cpu, node)));
    }
    by_cpu
}

fn first_of(path: &Path) -> Option<CpuId> {
    cpus_of_list(&text(path)?)?.first().copied()
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two packages of one core with two threads, one node each; CPU 3 shows nothing but its node.
    fn tree() -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("livelock-topology-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("cpu/online", "0-3\n");
        for (cpu, siblings) in [(0, "0-1"), (1, "0-1"), (2, "2-3")] {
            write(&format!("cpu/cpu{cpu}/topology/core_cpus_list"), siblings);
            write(
                &format!("cpu/cpu{cpu}/topology/package_cpus_list"),
                siblings,
            );
            write(&format!("cpu/cpu{cpu}/cache/index0/level"), "1\n");
            write(&format!("cpu/cpu{cpu}/cache/index3/level"), "3\n");
            write(
                &format!("cpu/cpu{cpu}/cache/index3/shared_cpu_list"),
                siblings,
            );
        }
        write("cpu/cpu3/topology/core_cpus_list", "nonsense");
        write("node/node0/cpulist", "0-1\n");
        write("node/node1/cpulist", "2-3\n");
        write("node/possible", "0-1\n");
        root
    }

    #[test]
    fn places_are_read_and_gaps_stay_gaps() {
        let root = tree();
        let places = places_below(&root);
        fs::remove_dir_all(&root).unwrap();
        let second = Some(CpuId(2));
        assert_eq!(
            places[2],
            CpuPlace {
                cpu: CpuId(2),
                core: second,
                l3: second,
                package: second,
                node: Some(1),
            }
        );
        assert_eq!(places[1].core, Some(CpuId(0)));
        assert_eq!(
            places[3],
            CpuPlace {
                cpu: CpuId(3),
                core: None,
                l3: None,
                package: None,
                node: Some(1),
            }
        );
        assert_eq!(places_below(Path::new("/nonexistent")), []);
    }

    #[test]
    fn this_host_tells_where_its_first_cpu_is() {
        if !Path::new(SYSTEM).join("cpu/cpu0/topology").exists() {
            eprintln!("skipped: no topology in sysfs");
            return;
        }
        let places = cpu_places();
        assert!(
            places.iter().any(|place| place.core.is_some()),
            "{places:?}"
        );
    }
}
