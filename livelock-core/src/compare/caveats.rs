//! What makes a comparison less than one of like with like.

use super::report::{Caveat, CaveatId};
use super::series::Side;
use crate::thresholds::COMPARE_MIN_WINDOWS;

/// All that apply.
pub(super) fn caveats(a: &Side, b: &Side) -> Vec<Caveat> {
    let (first, second) = (&a.verdict.host, &b.verdict.host);
    let mut found = Vec::new();
    let mut add = |is_so: bool, id: CaveatId, text: String| {
        if is_so {
            found.push(Caveat { id, text });
        }
    };
    let is_other_kernel = first.kernel_release != second.kernel_release
        || (first.kernel_build_id.is_some()
            && second.kernel_build_id.is_some()
            && first.kernel_build_id != second.kernel_build_id);
    add(
        is_other_kernel,
        CaveatId::OtherKernel,
        format!(
            "the kernels differ: A is Linux {}, B is Linux {}",
            first.kernel_release, second.kernel_release
        ),
    );
    add(
        first.arch != second.arch,
        CaveatId::OtherArchitecture,
        format!(
            "the architectures differ: {} and {}",
            first.arch, second.arch
        ),
    );
    add(
        first.nr_cpus_online != second.nr_cpus_online,
        CaveatId::OtherCpus,
        format!(
            "A has {} CPUs, B has {}: percentages of all CPUs are of another whole",
            first.nr_cpus_online, second.nr_cpus_online
        ),
    );
    let name = |hypervisor: &Option<String>| {
        hypervisor
            .clone()
            .unwrap_or_else(|| "none known".to_owned())
    };
    add(
        first.hypervisor != second.hypervisor,
        CaveatId::OtherHypervisor,
        format!(
            "the hypervisors differ: {} and {}",
            name(&first.hypervisor),
            name(&second.hypervisor)
        ),
    );
    add(
        first.spinlocks != second.spinlocks,
        CaveatId::OtherSpinlocks,
        format!(
            "their spinlocks wait in other ways ({:?} and {:?}), so that more of them is seen on one side",
            first.spinlocks, second.spinlocks
        ),
    );
    add(
        a.verdict.scope != b.verdict.scope,
        CaveatId::OtherScope,
        format!(
            "other parts are judged: {} and {}",
            part(&a.verdict.scope),
            part(&b.verdict.scope)
        ),
    );
    add(
        a.verdict.filter != b.verdict.filter,
        CaveatId::OtherFilter,
        "other locks are listed, so that names may be missing on one side".to_owned(),
    );
    for (side, letter) in [(a, 'A'), (b, 'B')] {
        let nr_windows = side.verdict.window.nr_windows as usize;
        add(
            side.series.is_none(),
            CaveatId::NoWindows,
            format!(
                "{letter} is a verdict document, which does not tell how its windows differ: only large changes are told"
            ),
        );
        add(
            side.series.is_some() && nr_windows < COMPARE_MIN_WINDOWS,
            CaveatId::FewWindows,
            format!(
                "{letter} has {nr_windows} windows, {COMPARE_MIN_WINDOWS} are needed to know their spread"
            ),
        );
        let nr_lost: u64 = side.verdict.accounting.lost.values().sum();
        add(
            nr_lost > 0,
            CaveatId::LostEvents,
            format!("{letter} lost {nr_lost} waits"),
        );
    }
    if let (Some(first), Some(second)) = (&a.series, &b.series) {
        let (first, second) = (first.window_ns(), second.window_ns());
        let ms = |ns: u64| ns / 1_000_000;
        add(
            first != second,
            CaveatId::OtherWindows,
            format!(
                "windows of A are {} ms, of B {} ms long: longer ones differ less from one another",
                ms(first),
                ms(second)
            ),
        );
    }
    found
}

fn part(scope: &crate::scope::Scope) -> String {
    if *scope == crate::scope::Scope::default() {
        "the whole host".to_owned()
    } else {
        scope.to_string()
    }
}
