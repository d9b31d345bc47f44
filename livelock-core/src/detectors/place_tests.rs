//! Whose a place is, if its name or its innermost function does not tell.

use std::collections::BTreeMap;

use super::{DETECTORS, Detection, Facts, Nature, detect};
use crate::activity::{Activity, CountedTime, HostCounters, LastWork};
use crate::cause_class::CauseClass;
use crate::ids::{CodeAddr, CpuId, MonotonicNs, Pid};
use crate::ledger::profile::{ClassSamples, Owner, Profile};
use crate::ledger::time::TimeBooks;
use crate::lock_report::{LockSide, specimen};
use crate::probes::{GroupSet, ProbeGroup, ProbeSet};
use crate::verdict::{ActivityReport, EvidenceSource, LockReport, PollReport};

/// A second on four busy CPUs, with 100 samples.
struct Host {
    profile: Profile,
    locks: Vec<LockReport>,
    activity: Option<Activity>,
    report: Option<ActivityReport>,
    /// Ticks do not see hard interrupts.
    is_hardirq_unseen: bool,
}

impl Host {
    fn new() -> Self {
        let profile = Profile {
            nr_busy: 100,
            nr: 100,
            ..Profile::default()
        };
        Self {
            profile,
            locks: Vec::new(),
            activity: None,
            report: None,
            is_hardirq_unseen: false,
        }
    }

    /// Four tenths of the time are spun on a lock that waiters of this path want.
    fn spins_on(mut self, name: &str, stack: &[&str]) -> Self {
        let side = LockSide {
            stack: stack
                .iter()
                .map(|function| format!("{function}+0x4"))
                .collect(),
            ..LockSide::default()
        };
        self.locks.push(LockReport {
            burn_pct: 40.0,
            burn_cpus: 1.6,
            waiters: vec![side],
            ..specimen(name)
        });
        self
    }

    fn sampled(mut self, class: CauseClass, nr: u64) -> Self {
        let samples = ClassSamples {
            nr,
            ..ClassSamples::default()
        };
        self.profile.classes.insert(class, samples);
        self
    }

    fn detect(&self) -> Vec<Detection> {
        let books = TimeBooks {
            capacity_ns: 4_000_000_000,
            hardirq_unseen_ns: if self.is_hardirq_unseen {
                4_000_000_000
            } else {
                0
            },
            ..TimeBooks::default()
        };
        detect(&Facts {
            books: &books,
            wall_ns: 1_000_000_000,
            nr_cpus: 4.0,
            arch: "x86_64",
            profile: &self.profile,
            counters: &HostCounters::default(),
            nr_pages: Some((100, 90)),
            activity: self.activity.as_ref(),
            report: self.report.as_ref(),
            starved: None,
            locks: &self.locks,
            is_overcommitted: false,
            is_guest: false,
            self_pct: 0.0,
        })
    }

    /// Classes that are told as the place, with the share of busy time in percent.
    fn places(&self) -> BTreeMap<CauseClass, f64> {
        let found = self.detect().into_iter();
        let places = found.filter(|found| found.nature == Nature::Place);
        places
            .map(|found| (found.class, (100.0 * found.share).round()))
            .collect()
    }
}

#[test]
fn a_wait_queue_is_that_of_the_journal_which_waits_there() {
    let commit = [
        "prepare_to_wait_event",
        "jbd2_log_wait_commit",
        "ext4_sync_file",
    ];
    let host = Host::new().spins_on("wait_queue_head.lock", &commit);
    assert_eq!(
        host.places(),
        BTreeMap::from([(CauseClass::SlabJournal, 40.0)])
    );
    // The path of a lock with a name that says what it is does not matter, nor what lies further out of other paths.
    let named = Host::new().spins_on("sysctl_lock", &["proc_sys_lookup", "release_task"]);
    assert_eq!(named.places(), BTreeMap::new());
}

#[test]
fn locks_of_memory_that_reclaim_waits_for_are_reclaims() {
    let fault = ["__pte_offset_map_lock", "handle_mm_fault"];
    let host = |path: &[&str]| {
        let host = Host::new().spins_on("page table lock", path);
        host.sampled(CauseClass::ReclaimThrash, 60).places()
    };
    assert_eq!(
        host(&fault),
        BTreeMap::from([(CauseClass::MemoryLocks, 40.0)])
    );
    let reclaim = [
        "page_vma_mapped_walk",
        "folio_referenced",
        "shrink_folio_list",
    ];
    assert_eq!(
        host(&reclaim),
        BTreeMap::from([(CauseClass::ReclaimThrash, 60.0)])
    );
}

#[test]
fn sampled_spin_on_mmap_lock_is_the_memory_managers() {
    let mut host = Host::new();
    let spin = [
        ("vm_mmap_pgoff", 30),
        ("__vm_munmap", 12),
        ("do_unlinkat", 20),
    ];
    host.profile.rwsem_spin = spin.map(|(name, nr)| (name.to_owned(), nr)).into();
    assert_eq!(
        host.places(),
        BTreeMap::from([(CauseClass::MemoryLocks, 42.0)])
    );
    let found = host.detect();
    let summary = "1.7 CPUs wait on the rw-semaphore that vm_mmap_pgoff and __vm_munmap want";
    assert_eq!(found[0].summary, summary);
    let texts: Vec<_> = found
        .iter()
        .flat_map(|f| &f.evidence)
        .map(|e| &*e.text)
        .collect();
    let text = "42 % of 100 samples of busy CPUs are in spin for the rw-semaphore that vm_mmap_pgoff and __vm_munmap want";
    assert!(texts.contains(&text), "{texts:?}");
}

#[test]
fn who_waits_for_the_mutex_of_one_who_waits_for_other_cpus_waits_for_them_too() {
    let path = ["membarrier_private_expedited", "__do_sys_membarrier"];
    let host = Host::new().spins_on("membarrier_ipi_mutex", &path);
    assert_eq!(host.places(), BTreeMap::new(), "nobody waits for a CPU");
    let host = host.sampled(CauseClass::IpiStorm, 25);
    assert_eq!(
        host.places(),
        BTreeMap::from([(CauseClass::IpiStorm, 65.0)])
    );
}

#[test]
fn faults_that_start_over_inside_the_kernel_are_few_and_long() {
    let loops = |nr_faults| {
        let path = ["handle_userfault", "__handle_mm_fault"];
        let mut host = Host::new()
            .spins_on("userfaultfd_ctx.fault_pending_wqh", &path)
            .sampled(CauseClass::FaultLoop, 70);
        host.activity = Some(Activity {
            probes: ProbeSet::of(GroupSet::EMPTY.with(ProbeGroup::Faults)),
            observed_ns: BTreeMap::from([(ProbeGroup::Faults, 1_000_000_000)]),
            nr_faults,
            ..Activity::default()
        });
        host.places().contains_key(&CauseClass::FaultLoop)
    };
    // 2.8 CPUs: 280 faults of 10 ms.
    assert!(loops(270) && !loops(290));
}

#[test]
fn the_share_of_samples_is_that_of_samples() {
    let reclaim = ["page_vma_mapped_walk", "shrink_folio_list"];
    let host = Host::new().spins_on("page table lock", &reclaim);
    let host = host.sampled(CauseClass::ReclaimThrash, 10);
    let found = host.detect();
    let found = found
        .iter()
        .find(|d| d.class == CauseClass::ReclaimThrash)
        .expect("reclaim");
    assert_eq!((found.nature, found.share), (Nature::Place, 0.4));
    let sampled = &found.evidence[0];
    assert_eq!(
        (sampled.signal.as_str(), sampled.value),
        ("sampled_share", 10.0)
    );
}

#[test]
fn a_place_is_told_by_where_alone() {
    let is_place = |class| DETECTORS.iter().any(|d| d.class == class && d.is_place);
    assert!(is_place(CauseClass::SlabJournal) && is_place(CauseClass::MemoryLocks));
    assert!(!is_place(CauseClass::ThunderingHerd) && !is_place(CauseClass::ReclaimThrash));
}

#[test]
fn who_asks_for_what_is_not_there_and_never_sleeps_polls() {
    let polls = |in_vain_pct, switches_per_sec| {
        let mut host = Host::new();
        host.report = Some(ActivityReport {
            polls: Some(PollReport {
                name: "recvfrom".to_owned(),
                in_vain_per_sec: 1000.0,
                in_vain_pct,
            }),
            switches_per_sec,
            ..ActivityReport::default()
        });
        let found = host.detect().into_iter();
        let mut polling = found.filter(|d| d.class == CauseClass::LegitimatePolling);
        polling.next().map(|d| (d.nature, d.share))
    };
    let exonerated = Some((Nature::Exonerated, 0.95));
    assert_eq!(polls(95.0, Some(99.0)), exonerated);
    assert_eq!(polls(85.0, Some(99.0)), None, "other calls do something");
    assert_eq!(polls(95.0, Some(101.0)), None, "some may sleep");
    assert_eq!(polls(95.0, None), None, "nobody saw whether they sleep");
}

#[test]
fn the_worker_that_hogs_a_cpu_is_the_one_with_most_samples() {
    let hog = |owners: &[(u32, u32, &str, u64)]| {
        let mut host = Host::new();
        host.profile.work = BTreeMap::from([("drain_everything".to_owned(), 60)]);
        for (cpu, pid, comm, nr) in owners {
            let owner = Owner {
                nr: *nr,
                comm: Some((*comm).to_owned()),
                ..Owner::default()
            };
            let of_cpu = host.profile.owners.entry(CpuId(*cpu)).or_default();
            of_cpu.insert(Pid(*pid), owner);
        }
        let found = host.detect().into_iter();
        let mut hogs = found.filter(|found| found.class == CauseClass::WorkqueueHog);
        hogs.next().map(|found| found.summary)
    };
    let idle = (0, 10, "kworker/0:1", 1);
    let light = (1, 11, "kworker/1:1", 12);
    let heavy = (2, 12, "kworker/2:1", 60);
    let named = hog(&[idle, light, heavy, (2, 99, "worker", 20)]);
    let summary = "work item drain_everything keeps CPU 2 busy (thread 12)";
    assert_eq!(named.as_deref(), Some(summary));
    assert_eq!(hog(&[idle]), None, "one sample tells nothing");
    assert_eq!(
        hog(&[heavy, (2, 99, "worker", 61)]),
        None,
        "it shares its CPU"
    );
}

#[test]
fn how_long_a_work_item_lasts_is_told_with_or_without_its_begin() {
    let begun = |began: u64| LastWork {
        began: Some(MonotonicNs(began)),
        function: Some(CodeAddr(0xf00)),
        ..LastWork::default()
    };
    let lasts = |last_work: BTreeMap<Pid, LastWork>| {
        let mut host = Host::new();
        host.profile.work.insert("drain_everything".to_owned(), 70);
        let owner = Owner {
            nr: 60,
            comm: Some("kworker/2:1".to_owned()),
            ..Owner::default()
        };
        let of_cpu = BTreeMap::from([(Pid(12), owner)]);
        host.profile.owners.insert(CpuId(2), of_cpu);
        host.activity = Some(Activity {
            probes: ProbeSet::of(GroupSet::EMPTY.with(ProbeGroup::Workqueue)),
            observed_ns: BTreeMap::from([(ProbeGroup::Workqueue, 2_000_000_000)]),
            last_work,
            until: Some(MonotonicNs(9_000_000_000)),
            ..Activity::default()
        });
        let found = host.detect().into_iter();
        let mut hogs = found.filter(|found| found.class == CauseClass::WorkqueueHog);
        let evidence = hogs.next().expect("a hog").evidence.into_iter();
        let mut open = evidence.filter(|signal| signal.signal == "work_item_open");
        open.next().map(|signal| signal.value)
    };
    let item = |pid, began| BTreeMap::from([(Pid(pid), begun(began))]);
    assert_eq!(lasts(item(12, 8_500_000_000)), Some(5e8));
    assert_eq!(
        lasts(item(99, 8_500_000_000)),
        Some(2e9),
        "since the attach"
    );
    assert_eq!(lasts(item(12, 8_950_000_000)), None, "50 ms are nothing");
    assert_eq!(lasts(item(20, 8_500_000_000)), None, "its entry was taken");
    assert_eq!(lasts(BTreeMap::new()), None, "an older recording");
}

#[test]
fn handlers_that_were_timed_count_where_ticks_do_not_see_them() {
    let storm = |handled_ns: u64, is_hardirq_unseen: bool| {
        let mut host = Host::new();
        host.is_hardirq_unseen = is_hardirq_unseen;
        host.activity = Some(Activity {
            probes: ProbeSet::of(GroupSet::EMPTY.with(ProbeGroup::Interrupts)),
            observed_ns: BTreeMap::from([(ProbeGroup::Interrupts, 1_000_000_000)]),
            hardirqs: BTreeMap::from([(
                36,
                CountedTime {
                    nr: 9,
                    ns: handled_ns,
                },
            )]),
            ..Activity::default()
        });
        let found = host.detect().into_iter();
        let mut storms = found.filter(|found| found.class == CauseClass::InterruptStorm);
        storms
            .next()
            .map(|found| (found.share, found.evidence[0].source))
    };
    let told = storm(2_400_000_000, true);
    assert_eq!(told, Some((0.6, EvidenceSource::Activity)));
    assert_eq!(storm(1_600_000_000, true), None);
    // There they are in the books already.
    assert_eq!(storm(2_400_000_000, false), None);
}
