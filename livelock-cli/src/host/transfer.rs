//! What moving a cache line from one CPU to another costs.
//!
//! In: where the CPUs are, how busy the host is. Out: the best transfer time for each distance that is present.
//! Refuses: a host under load, where it would be wrong and in the way; more than [`BUDGET`].
//!
//! Two threads, each pinned to its CPU, hand one word to and fro: a round trip is two transfers. Batches are short, so
//! that some of them are not interrupted, and the best one counts; what others do to it can only make it longer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use livelock_core::ids::CpuId;
use livelock_core::topology::{CpuPlace, Distance, NotMeasured, Topology, TransferCost};

use super::cpu_places;

/// For all distances together.
const BUDGET: Duration = Duration::from_millis(50);

/// Round trips of a batch: some 20 us, a tenth of what a scheduler tick leaves undisturbed.
const NR_ROUND_TRIPS: u64 = 100;

/// Batches without which nothing is said.
const NR_MIN_BATCHES: u64 = 20;

/// Turns of a waiting loop between two looks at the clock.
const NR_SPINS: u32 = 4096;

/// Load average over one minute, by CPUs, from which the host is under load.
const LOAD_PER_CPU: f64 = 0.5;

/// Threads of this process that may be runnable while it starts: its first thread, the one that reads symbols, this one.
const NR_OWN_RUNNABLE: u32 = 3;

/// Where the CPUs of this host are, and what a transfer costs.
#[must_use]
pub fn topology() -> Topology {
    let places = cpu_places();
    let pairs = pairs(&places, &usable());
    let loadavg = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let refused = if pairs.is_empty() {
        Some(NotMeasured::OneCpu)
    } else if is_loaded(&loadavg, places.len()) {
        Some(NotMeasured::UnderLoad)
    } else {
        None
    };
    if refused.is_some() {
        return Topology {
            places,
            costs: Vec::new(),
            not_measured: refused,
        };
    }
    let budget = BUDGET / u32::try_from(pairs.len()).unwrap_or(1);
    let costs: Vec<_> = pairs
        .into_iter()
        .filter_map(|(distance, cpus)| measure(distance, cpus, budget))
        .collect();
    Topology {
        not_measured: costs.is_empty().then_some(NotMeasured::Interrupted),
        places,
        costs,
    }
}

/// Whether a measurement would be wrong and in the way: half a task a CPU for a minute, or now. What cannot be read counts
/// as load.
fn is_loaded(loadavg: &str, nr_cpus: usize) -> bool {
    let mut fields = loadavg.split_ascii_whitespace();
    let load_1m = fields.next().and_then(|field| field.parse::<f64>().ok());
    let runnable = fields.nth(2).and_then(|field| field.split('/').next());
    let nr_runnable = runnable.and_then(|nr| nr.parse::<u32>().ok());
    let (Some(load_1m), Some(nr_runnable)) = (load_1m, nr_runnable) else {
        return true;
    };
    let most = LOAD_PER_CPU * nr_cpus as f64;
    load_1m >= most || f64::from(nr_runnable.saturating_sub(NR_OWN_RUNNABLE)) >= most
}

/// A pair of usable CPUs for each distance that is present. Looking at one CPU's way to all others finds them all on
/// machines whose parts are alike, at a cost that does not grow with the square of the CPUs.
fn pairs(places: &[CpuPlace], usable: &[CpuId]) -> BTreeMap<Distance, (CpuId, CpuId)> {
    let mut pairs = BTreeMap::new();
    let mut usable = places.iter().filter(|place| usable.contains(&place.cpu));
    let Some(from) = usable.next() else {
        return pairs;
    };
    for to in usable {
        if let Some(distance) = from.distance(to) {
            pairs.entry(distance).or_insert((from.cpu, to.cpu));
        }
    }
    pairs
}

/// CPUs that this process may run on.
fn usable() -> Vec<CpuId> {
    // SAFETY: zeros are an empty set, and the call writes no more than the size that it is given.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return Vec::new();
        }
        set
    };
    let nr_bits = u32::try_from(8 * size_of::<libc::cpu_set_t>()).unwrap_or(0);
    // SAFETY: the index is below the number of bits.
    let has = |cpu: &u32| unsafe { libc::CPU_ISSET(*cpu as usize, &set) };
    (0..nr_bits).filter(has).map(CpuId).collect()
}

/// Pins the calling thread. `false`: refused.
fn pin(cpu: CpuId) -> bool {
    // SAFETY: the set is ours, the index was a member of a set of that size, 0 is the calling thread.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu.0 as usize, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}

/// The word, alone on its line and on the one that prefetchers take with it.
#[repr(align(128))]
struct Ball(AtomicU64);

/// Hands the ball to and fro for `budget`. `None`: the two did not meet often enough.
fn measure(
    distance: Distance,
    (server, returner): (CpuId, CpuId),
    budget: Duration,
) -> Option<TransferCost> {
    let ball = Ball(AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let deadline = Instant::now() + budget;
    let (best, nr_batches) = thread::scope(|scope| {
        scope.spawn(|| {
            if pin(returner) {
                give_back(&ball, &is_over);
            }
        });
        let served = scope.spawn(|| {
            let served = pin(server).then(|| serve(&ball, deadline));
            is_over.store(true, Ordering::Relaxed);
            served.unwrap_or((Duration::MAX, 0))
        });
        served.join().unwrap_or((Duration::MAX, 0))
    });
    (nr_batches >= NR_MIN_BATCHES).then(|| TransferCost {
        distance,
        transfer_ns: best.as_secs_f64() * 1e9 / (2 * NR_ROUND_TRIPS) as f64,
        nr_round_trips: nr_batches * NR_ROUND_TRIPS,
    })
}

/// Batches until `deadline`: the shortest, and how many.
fn serve(ball: &Ball, deadline: Instant) -> (Duration, u64) {
    let (mut best, mut nr_batches, mut turn) = (Duration::MAX, 0, 0);
    loop {
        let began = Instant::now();
        for _ in 0..NR_ROUND_TRIPS {
            ball.0.store(turn + 1, Ordering::Release);
            turn += 2;
            let is_back = wait(
                || ball.0.load(Ordering::Acquire) == turn,
                || Instant::now() >= deadline,
            );
            if !is_back {
                return (best, nr_batches);
            }
        }
        best = best.min(began.elapsed());
        nr_batches += 1;
    }
}

/// Gives each ball back until it is over.
fn give_back(ball: &Ball, is_over: &AtomicBool) {
    let mut turn = 1;
    while wait(
        || ball.0.load(Ordering::Acquire) == turn,
        || is_over.load(Ordering::Relaxed),
    ) {
        ball.0.store(turn + 1, Ordering::Release);
        turn += 2;
    }
}

/// Spins until `is_there`; `false` if `is_over` comes first.
#[inline]
fn wait(is_there: impl Fn() -> bool, is_over: impl Fn() -> bool) -> bool {
    loop {
        for _ in 0..NR_SPINS {
            if is_there() {
                return true;
            }
            std::hint::spin_loop();
        }
        if is_over() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_a_minute_or_now_and_unreadable_is_load() {
        assert!(!is_loaded("0.40 0.30 0.20 3/300 1234\n", 2));
        assert!(is_loaded("1.00 0.30 0.20 1/300 1234\n", 2));
        assert!(is_loaded("0.40 0.30 0.20 4/300 1234\n", 2));
        assert!(!is_loaded("0.40 0.30 0.20 18/300 1234\n", 32));
        assert!(is_loaded("", 2));
        assert!(is_loaded("0.40 0.30 0.20 ?/300 1234\n", 2));
    }

    fn place(cpu: u32, core: u32, package: u32) -> CpuPlace {
        CpuPlace {
            cpu: CpuId(cpu),
            core: Some(CpuId(core)),
            l3: Some(CpuId(package)),
            package: Some(CpuId(package)),
            node: Some(package),
        }
    }

    #[test]
    fn one_pair_of_usable_cpus_a_distance() {
        let places = [
            place(0, 0, 0),
            place(1, 0, 0),
            place(2, 2, 0),
            place(3, 3, 3),
        ];
        let usable = |cpus: &[u32]| cpus.iter().map(|&cpu| CpuId(cpu)).collect::<Vec<_>>();
        let found = pairs(&places, &usable(&[0, 1, 2, 3]));
        let expected = [
            (Distance::SmtSibling, (CpuId(0), CpuId(1))),
            (Distance::SharedL3, (CpuId(0), CpuId(2))),
            (Distance::OtherNode, (CpuId(0), CpuId(3))),
        ];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(pairs(&places, &usable(&[2])).len(), 0);
    }

    #[test]
    fn a_ball_goes_to_and_fro_in_bounded_time() {
        let usable = usable();
        let [first, second, ..] = usable.as_slice() else {
            eprintln!("skipped: one usable CPU");
            return;
        };
        let began = Instant::now();
        let budget = Duration::from_millis(100);
        // Other tests run beside this one, so that it may be interrupted; but not go on, or be faster than light.
        match measure(Distance::SharedL3, (*first, *second), budget) {
            None => eprintln!("skipped: the two CPUs were not free at the same time"),
            Some(cost) => {
                assert!(cost.transfer_ns > 1.0, "{cost:?}");
                assert!(cost.transfer_ns < 1e6, "{cost:?}");
                assert!(cost.nr_round_trips >= NR_MIN_BATCHES * NR_ROUND_TRIPS);
            }
        }
        assert!(began.elapsed() < budget * 50);
    }
}
