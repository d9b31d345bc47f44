//! Where CPUs are to one another, and what it costs to move a cache line between them.
//!
//! In: filled by `livelock-cli::host` from sysfs and a short measurement. Out: the distance of two CPUs, the cost
//! of a transfer over it. Refuses: a guess; what was not read or not measured is `None`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::CpuId;

/// How far a cache line travels from one CPU to another, the nearest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// It stays.
    SameCpu,
    /// Another thread of the same core.
    SmtSibling,
    /// Another core behind the same last-level cache.
    SharedL3,
    /// The same package, another last-level cache.
    SamePackage,
    /// Another package of the same NUMA node.
    SameNode,
    /// Another NUMA node.
    OtherNode,
}

impl Distance {
    /// All of them, the nearest first.
    pub const ALL: [Self; 6] = [
        Self::SameCpu,
        Self::SmtSibling,
        Self::SharedL3,
        Self::SamePackage,
        Self::SameNode,
        Self::OtherNode,
    ];
}

/// Where one CPU is. Groups are named by their first CPU; `None`: sysfs does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuPlace {
    /// The CPU.
    pub cpu: CpuId,
    /// First thread of its core.
    pub core: Option<CpuId>,
    /// First CPU behind its last-level cache of level 3.
    pub l3: Option<CpuId>,
    /// First CPU of its package.
    pub package: Option<CpuId>,
    /// NUMA node.
    pub node: Option<u32>,
}

/// What moving a cache line once over a distance costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferCost {
    /// How far.
    pub distance: Distance,
    /// One transfer in nanoseconds, in the best of many batches of round trips.
    pub transfer_ns: f64,
    /// Round trips measured.
    pub nr_round_trips: u64,
}

/// Why nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotMeasured {
    /// The host was busy, and a measurement would have cost it time and been wrong.
    UnderLoad,
    /// There is one CPU, or one that this process may use.
    OneCpu,
    /// The two threads did not run at the same time for long enough.
    Interrupted,
    /// The recording is of a program that did not measure, or nobody asked.
    #[default]
    NotTried,
}

impl NotMeasured {
    /// For a sentence: "… was not measured: {}".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnderLoad => "the host was under load",
            Self::OneCpu => "only one CPU can be used",
            Self::Interrupted => "the CPUs were taken by others meanwhile",
            Self::NotTried => "nobody tried",
        }
    }
}

/// The CPUs of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// Where they are.
    pub places: Vec<CpuPlace>,
    /// What was measured, by distance.
    pub costs: Vec<TransferCost>,
    /// Why nothing was; `None` if something was.
    #[serde(default)]
    pub not_measured: Option<NotMeasured>,
}

impl Topology {
    /// Places by CPU, to look many pairs up.
    #[must_use]
    pub fn by_cpu(&self) -> BTreeMap<CpuId, CpuPlace> {
        let places = self.places.iter();
        places.map(|place| (place.cpu, *place)).collect()
    }

    /// Why no cost is known; `None` if some are.
    #[must_use]
    pub fn why_not_measured(&self) -> Option<NotMeasured> {
        let why = self.not_measured.unwrap_or_default();
        self.costs.is_empty().then_some(why)
    }

    /// One transfer over `distance` in nanoseconds; `None`: not measured. What stays costs nothing.
    #[must_use]
    pub fn transfer_ns(&self, distance: Distance) -> Option<f64> {
        if distance == Distance::SameCpu {
            return Some(0.0);
        }
        let cost = self.costs.iter().find(|cost| cost.distance == distance);
        cost.map(|cost| cost.transfer_ns)
    }
}

impl CpuPlace {
    /// How far it is from here to `other`; `None` if sysfs leaves it open.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Option<Distance> {
        if self.cpu == other.cpu {
            return Some(Distance::SameCpu);
        }
        let same = |mine: Option<CpuId>, theirs: Option<CpuId>| Some(mine? == theirs?);
        if same(self.core, other.core)? {
            return Some(Distance::SmtSibling);
        }
        // A machine without a cache of level 3 says nothing about it; the package decides there.
        if same(self.l3, other.l3) == Some(true) {
            return Some(Distance::SharedL3);
        }
        let is_same_node = self
            .node
            .zip(other.node)
            .map(|(mine, theirs)| mine == theirs);
        match (same(self.package, other.package)?, is_same_node) {
            (_, Some(false)) => Some(Distance::OtherNode),
            (true, _) => Some(Distance::SamePackage),
            (false, Some(true)) => Some(Distance::SameNode),
            (false, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn place(cpu: u32, core: u32, l3: u32, package: u32, node: u32) -> CpuPlace {
        CpuPlace {
            cpu: CpuId(cpu),
            core: Some(CpuId(core)),
            l3: Some(CpuId(l3)),
            package: Some(CpuId(package)),
            node: Some(node),
        }
    }

    #[test]
    fn each_distance_has_its_pair() {
        let from = place(0, 0, 0, 0, 0);
        for (to, distance) in [
            (from, Distance::SameCpu),
            (place(1, 0, 0, 0, 0), Distance::SmtSibling),
            (place(2, 2, 0, 0, 0), Distance::SharedL3),
            (place(4, 4, 4, 0, 0), Distance::SamePackage),
            (place(8, 8, 8, 8, 0), Distance::SameNode),
            (place(16, 16, 16, 16, 1), Distance::OtherNode),
            // Sub-NUMA clusters: one package, two nodes.
            (place(6, 6, 6, 0, 1), Distance::OtherNode),
        ] {
            assert_eq!(from.distance(&to), Some(distance), "{to:?}");
            assert_eq!(to.distance(&from), Some(distance), "{to:?}");
        }
    }

    #[test]
    fn what_sysfs_does_not_tell_stays_unknown() {
        let from = place(0, 0, 0, 0, 0);
        let to = |change: fn(&mut CpuPlace)| {
            let mut to = place(8, 8, 8, 8, 1);
            change(&mut to);
            from.distance(&to)
        };
        assert_eq!(to(|place| place.core = None), None);
        assert_eq!(to(|place| place.package = None), None);
        assert_eq!(to(|place| place.node = None), None);
        assert_eq!(to(|place| place.l3 = None), Some(Distance::OtherNode));
    }

    #[test]
    fn only_what_was_measured_has_a_cost() {
        let topology = Topology {
            costs: vec![TransferCost {
                distance: Distance::SharedL3,
                transfer_ns: 55.0,
                nr_round_trips: 1000,
            }],
            ..Topology::default()
        };
        assert_eq!(topology.why_not_measured(), None);
        assert_eq!(
            Topology::default().why_not_measured(),
            Some(NotMeasured::NotTried)
        );
        assert_eq!(topology.transfer_ns(Distance::SameCpu), Some(0.0));
        assert_eq!(topology.transfer_ns(Distance::SharedL3), Some(55.0));
        assert_eq!(topology.transfer_ns(Distance::OtherNode), None);
    }
}
