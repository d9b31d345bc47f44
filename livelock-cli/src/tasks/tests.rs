//! Parsers on text of real hosts and on noise, and scopes of this host.

use std::path::{Path, PathBuf};

use livelock_core::ids::Tgid;
use livelock_core::scope::Scope;
use proptest::prelude::*;

use super::*;
use crate::capture::KernelOffsets;

#[test]
fn files_of_a_group_are_read() {
    let text = "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnice_usec 0\nnr_periods 4\n";
    let expected = CpuStat {
        user_ns: 10_000,
        system_ns: 20_000,
    };
    assert_eq!(parse_cpu_stat(text), Some(expected));
    assert_eq!(parse_cpu_stat("usage_usec 30\n"), None);
    assert_eq!(parse_cpu_max("50000 100000\n"), Some(500_000_000));
    assert_eq!(parse_cpu_max("max 100000\n"), None);
    assert_eq!(parse_cpu_max("1 0\n"), None);
    let memory = parse_memory_stat("anon 1\npgfault 7\npgfault_x 9\npgscan 5\n");
    assert_eq!(
        (memory.nr_page_faults, memory.nr_pages_reclaimed),
        (Some(7), None)
    );
    let io = "8:0 rbytes=9 wbytes=9 rios=3 wios=4 dbytes=0 dios=0\n8:16 rios=x wios=1\n";
    assert_eq!((parse_io_stat(io), parse_io_stat("")), (8, 0));
}

#[test]
fn a_group_is_typed_in_three_ways() {
    let mount = Path::new("/sys/fs/cgroup");
    let expected = Some(PathBuf::from("/sys/fs/cgroup/app.slice/db"));
    for typed in [
        "/sys/fs/cgroup/app.slice/db",
        "/app.slice/db",
        "0::/app.slice/db/",
    ] {
        assert_eq!(path_below(mount, typed), expected, "{typed}");
    }
    for typed in [
        "",
        "app.slice",
        "0::app",
        "/app/../..",
        "/sys/fs/cgroup/../../etc",
    ] {
        assert_eq!(path_below(mount, typed), None, "{typed}");
    }
}

#[test]
fn a_process_is_read_whatever_its_name() {
    let text = "12 (a) R (b) S 7 12 12 0 -1 4194560 100 200 3 4 11 22 33 44 20 0 3 0 987 1 1";
    let stat = parse_process_stat(text).expect("a process");
    assert_eq!(
        (stat.parent, stat.start_ticks, stat.is_zombie),
        (7, 987, false)
    );
    assert_eq!(
        (
            stat.own.user_ticks,
            stat.own.system_ticks,
            stat.own.nr_faults
        ),
        (11, 22, 103)
    );
    assert_eq!((stat.reaped.user_ticks, stat.reaped.nr_faults), (33, 204));
    assert_eq!(parse_process_stat("12 (short) R 1"), None);
    let sched = parse_schedstat("1000 200 3\n").expect("a thread");
    assert_eq!((sched.wait_ns, sched.nr_runs), (200, 3));
    assert_eq!(parse_schedstat("1000 200"), None);
}

#[test]
fn scopes_that_do_not_exist_say_what_to_type() {
    let offsets = KernelOffsets {
        task_pid: Some(0),
        task_tgid: Some(4),
        ..KernelOffsets::default()
    };
    let said = |scope: &Scope| match find(scope, &offsets) {
        Ok(found) => format!("found {found:?}"),
        Err(error) => error.to_string(),
    };
    for path in ["/livelock/no/such/group", "relative", "/..", "/"] {
        let said = said(&Scope::of_cgroup(path.to_owned()));
        assert!(said.contains("--cgroup") || said.contains("0::"), "{said}");
    }
    let said = said(&Scope::of_tree(Tgid(u32::MAX)));
    assert!(
        said.contains("type") || said.contains("run on the host"),
        "{said}"
    );
    let unfollowed = find(&Scope::of_tree(Tgid(1)), &KernelOffsets::default());
    assert!(matches!(unfollowed, Err(ScopeError::Unfollowed { pid: 1 })));
    assert!(matches!(find(&Scope::default(), &offsets), Ok(None)));
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC*") {
        read_all(&text);
    }

    #[test]
    fn anything_that_looks_like_it_is_survived(
        text in "((user_usec|system_usec|pgfault|max|8:0|rios=[0-9]{0,24}|[0-9]{1,3} \\(x\\) R)( [0-9-]{0,24}){0,24}\n){0,6}",
    ) {
        read_all(&text);
    }

    #[test]
    fn quotas_are_shares_of_a_second(quota_us in 1000u64..1 << 40, period_us in 1000u64..=1_000_000) {
        let ns = parse_cpu_max(&format!("{quota_us} {period_us}")).expect("a quota");
        let exact = u128::from(quota_us) * 1_000_000_000 / u128::from(period_us);
        prop_assert_eq!(u128::from(ns), exact);
    }

    #[test]
    fn a_path_stays_below_the_mount(typed in "(0::)?(/[a-z.]{0,3}){0,5}") {
        let mount = Path::new("/sys/fs/cgroup");
        if let Some(path) = path_below(mount, &typed) {
            prop_assert!(path.starts_with(mount));
            prop_assert!(!path.components().any(|part| part.as_os_str() == ".."));
        }
    }
}

fn read_all(text: &str) {
    let _ = parse_cpu_stat(text);
    let _ = parse_cpu_max(text);
    let _ = parse_memory_stat(text);
    let _ = parse_io_stat(text);
    let _ = parse_process_stat(text);
    let _ = parse_schedstat(text);
    let _ = path_below(Path::new("/sys/fs/cgroup"), text);
}
