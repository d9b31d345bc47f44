//! Which programs tell of releases, and what is left of them where the kernel refuses one.
//!
//! In: kernel offsets, an error of a start. Out: programs with their hooks; offsets with which to start once more. Refuses: to give up
//! any other program.

use super::CaptureError;
use super::config::KernelOffsets;

/// Level 0 on kernels that have it.
const CONTENDED: [(&str, &str); 1] = [("contended_release", "lock:contended_release")];

/// Instead, on kernels with lockdep. A release whose acquisition was not seen is counted and ignored.
const LOCKDEP: [(&str, &str); 3] = [
    ("lock_release", "lock:lock_release"),
    ("lock_acquired", "lock:lock_acquired"),
    ("lock_acquire", "lock:lock_acquire"),
];

/// Programs that tell releases, with their hooks.
pub(super) const fn release_programs(
    offsets: &KernelOffsets,
) -> &'static [(&'static str, &'static str)] {
    if offsets.lockdep.is_some() {
        &LOCKDEP
    } else if offsets.releases_contended() {
        &CONTENDED
    } else {
        &[]
    }
}

/// All of them that this kernel has, also those that give way to others.
pub(super) fn possible_programs(
    offsets: &KernelOffsets,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lockdep = offsets.lockdep.is_some().then_some(LOCKDEP);
    let contended = offsets.has_contended_release.then_some(CONTENDED);
    let lockdep = lockdep.into_iter().flatten();
    lockdep.chain(contended.into_iter().flatten())
}

/// Whether `program` is one of lockdep's, whether it is that of `lock:contended_release`.
pub(super) fn family(program: &str) -> (bool, bool) {
    let is_one_of = |all: &[(&str, &str)]| all.iter().any(|(name, _)| *name == program);
    (is_one_of(&LOCKDEP), is_one_of(&CONTENDED))
}

/// The same kernel without what `error` says was refused: lockdep's tracepoints give way to `lock:contended_release`, where there is
/// one, and this to none. `None` if the error is another.
pub(super) fn without_refused(
    offsets: &KernelOffsets,
    error: &CaptureError,
) -> Option<KernelOffsets> {
    let (CaptureError::Load { program, .. } | CaptureError::Attach { program, .. }) = error else {
        return None;
    };
    let mut rest = *offsets;
    match family(program) {
        (true, _) => rest.lockdep = None,
        (_, true) => rest.has_contended_release = false,
        _ => return None,
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use aya::programs::ProgramError;

    use super::super::LockdepOffsets;
    use super::*;

    fn refused(program: &'static str) -> CaptureError {
        CaptureError::Load {
            program,
            source: Box::new(ProgramError::NotLoaded),
        }
    }

    fn names(offsets: &KernelOffsets) -> Vec<&'static str> {
        let programs = release_programs(offsets).iter();
        programs.map(|(name, _)| *name).collect()
    }

    #[test]
    fn what_is_refused_gives_way_to_the_next_and_nothing_else_is_given_up() {
        let all = KernelOffsets {
            has_contended_release: true,
            lockdep: Some(LockdepOffsets::default()),
            ..KernelOffsets::default()
        };
        assert_eq!(
            names(&all),
            ["lock_release", "lock_acquired", "lock_acquire"]
        );
        let attach = CaptureError::Attach {
            program: "lock_acquired",
            hook: "lock:lock_acquired",
            source: Box::new(ProgramError::NotLoaded),
        };
        let second = without_refused(&all, &attach).unwrap();
        assert_eq!(names(&second), ["contended_release"]);
        let third = without_refused(&second, &refused("contended_release")).unwrap();
        assert_eq!(names(&third), [""; 0]);
        assert!(!third.tells_releases());
        assert_eq!(without_refused(&all, &refused("contention_begin")), None);
        assert_eq!(
            without_refused(&all, &CaptureError::MissingMap("HOLDS")),
            None
        );
    }
}
