//! Memory nodes: their zones and page lists.
//!
//! In: the kernel's symbols, its memory through `/proc/kcore`, its BTF. Out: the member of a node or zone at an address.
//! Refuses: kernels that show no data symbols or no memory; then who waits tells what it is.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use livelock_core::names::{KernelObject, ObjectOrigin};

use super::KernelSymbols;
use crate::btf::{Btf, StructId};
use crate::code::Kcore;

/// Structure of a node.
const NODE: &str = "pglist_data";

/// Why there are no nodes. Messages read after "failed to".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    /// No symbol leads there.
    #[error("find memory nodes: no symbol of data")]
    NoSymbol,
    /// The kernel's memory cannot be read.
    #[error("find memory nodes: /proc/kcore cannot be read")]
    NoMemory,
    /// BTF has no such structure.
    #[error("find memory nodes: BTF has no pglist_data")]
    NoType,
}

/// The nodes of this host.
#[derive(Clone, Debug)]
pub struct Nodes {
    btf: Arc<Btf>,
    structure: StructId,
    size_bytes: u64,
    /// Address and number of each.
    nodes: Vec<(u64, u32)>,
    /// Names of the zones of each, in the order of the kernel.
    zones: Vec<(u32, String)>,
}

impl Nodes {
    /// Those of the running kernel.
    ///
    /// # Errors
    ///
    /// If nothing leads to them.
    pub fn find(symbols: &KernelSymbols, btf: &Arc<Btf>) -> Result<Self, NodesError> {
        let structure = btf.struct_by_name(NODE).ok_or(NodesError::NoType)?;
        let size = btf.struct_size_bytes(structure).ok_or(NodesError::NoType)?;
        let nodes = addresses(Some(symbols))?;
        let zoneinfo = fs::read_to_string("/proc/zoneinfo").unwrap_or_default();
        Ok(Self {
            btf: Arc::clone(btf),
            structure,
            size_bytes: u64::from(size),
            nodes,
            zones: zones(&zoneinfo),
        })
    }

    /// The lock at `addr`, if it lies in a node.
    #[must_use]
    pub fn object(&self, addr: u64) -> Option<KernelObject> {
        let (begin, node) = self
            .nodes
            .iter()
            .find(|(begin, _)| addr.wrapping_sub(*begin) < self.size_bytes)?;
        let offset_bytes = u32::try_from(addr - begin).ok()?;
        let member = self.btf.member_of_id(self.structure, offset_bytes)?;
        let (name, instance) = if let Some((index, rest)) = in_zone(&member) {
            let zone = self.zone(*node, index);
            (format!("zone.{rest}"), format!("node {node}, zone {zone}"))
        } else if let Some(rest) = member.strip_prefix("__lruvec.") {
            (format!("lruvec.{rest}"), format!("node {node}"))
        } else {
            (format!("{NODE}.{member}"), format!("node {node}"))
        };
        Some(KernelObject {
            name,
            instance: Some(instance),
            origin: ObjectOrigin::KernelObject,
        })
    }

    fn zone(&self, node: u32, index: usize) -> String {
        let zones = self.zones.iter().filter(|(of, _)| *of == node);
        zones
            .map(|(_, name)| name.clone())
            .nth(index)
            .unwrap_or_else(|| index.to_string())
    }
}

/// Address and number of each node.
pub(super) fn addresses(symbols: Option<&KernelSymbols>) -> Result<Vec<(u64, u32)>, NodesError> {
    let symbols = symbols.ok_or(NodesError::NoSymbol)?;
    if let Some(addr) = symbols.data_addr("contig_page_data") {
        return Ok(vec![(addr, 0)]);
    }
    let table = symbols.data_addr("node_data").ok_or(NodesError::NoSymbol)?;
    pointers(table, &online_nodes())
}

/// `node_zones[2].lock` is the lock of zone 2.
fn in_zone(member: &str) -> Option<(usize, &str)> {
    let (index, rest) = member.strip_prefix("node_zones[")?.split_once("].")?;
    Some((index.parse().ok()?, rest))
}

/// `Node 0, zone   Normal`, one a zone, whether it has pages or not.
fn zones(zoneinfo: &str) -> Vec<(u32, String)> {
    zoneinfo
        .lines()
        .filter_map(|line| {
            let (node, zone) = line.strip_prefix("Node ")?.split_once(", zone")?;
            Some((node.parse().ok()?, zone.trim().to_owned()))
        })
        .collect()
}

/// `node0` and its like; a kernel without NUMA has no such folder, and one node.
fn online_nodes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/sys/devices/system/node") else {
        return vec![0];
    };
    let mut nodes: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_prefix("node")?
                .parse()
                .ok()
        })
        .collect();
    nodes.sort_unstable();
    nodes
}

/// What a table of pointers at `table` has for each of `numbers`.
fn pointers(table: u64, numbers: &[u32]) -> Result<Vec<(u64, u32)>, NodesError> {
    let kcore = Kcore::open(Path::new("/proc/kcore")).map_err(|_| NodesError::NoMemory)?;
    let mut found = Vec::new();
    for &number in numbers {
        let mut word = [0; 8];
        let nr_bytes = kcore
            .read(table + 8 * u64::from(number), &mut word)
            .map_err(|_| NodesError::NoMemory)?;
        let addr = u64::from_ne_bytes(word);
        if nr_bytes != word.len() {
            return Err(NodesError::NoMemory);
        }
        if addr != 0 {
            found.push((addr, number));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_told_from_the_rest_of_a_node() {
        assert_eq!(in_zone("node_zones[2].lock"), Some((2, "lock")));
        assert_eq!(in_zone("__lruvec.lru_lock"), None);
        assert_eq!(in_zone("node_zones[x].lock"), None);
    }

    #[test]
    fn zones_stand_in_the_order_of_the_kernel() {
        let text =
            "Node 0, zone      DMA\n  per-node stats\nNode 0, zone    DMA32\n  pages free 3\n";
        let names: Vec<_> = zones(text).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["DMA", "DMA32"]);
        assert!(zones("").is_empty());
    }
}
