//! Scopes and filters arrive, whatever the command.

use livelock_core::event::LockKind;
use livelock_core::filter::{Filter, LockFilter};
use livelock_core::scope::Scope;

use super::tests::{parsed, refused, session_of};
use super::{Job, Source};

#[test]
fn a_scope_is_a_list_of_cpus() {
    let session = session_of("livelock diagnose --cpu 0-1,3");
    let cpus: Vec<u32> = session
        .scope
        .cpus
        .into_iter()
        .flatten()
        .map(|c| c.0)
        .collect();
    assert_eq!(cpus, [0, 1, 3]);
    assert!(refused("livelock diagnose --cpu x").contains("0-3,8"));
}

#[test]
fn a_scope_is_a_control_group_or_a_process_for_every_command() {
    for command in ["diagnose", "watch", "export", "record -o x"] {
        let scope = |option: &str| session_of(&format!("livelock {command} {option}")).scope;
        let group = Scope::of_cgroup("/app.slice".to_owned());
        assert_eq!(scope("--cgroup /app.slice"), group);
        assert_eq!(scope("--cgroup 0::/app.slice"), group);
        let tree = scope("--pid 4711");
        assert_eq!(tree.pid.map(|pid| pid.0), Some(4711));
        assert!(tree.is_of_tasks() && tree.cgroup.is_none() && tree.cpus.is_none());
    }
}

#[test]
fn a_filter_is_for_every_command_that_lists_locks() {
    let line = "--lock rq.__lock --kind mutex,rwsem --caller alloc_fd --comm nginx --min-wait 10us";
    let expected = Filter {
        lock: Some(LockFilter::Name("rq.__lock".to_owned())),
        kinds: Some([LockKind::Mutex, LockKind::Rwsem].into()),
        caller: Some("alloc_fd".to_owned()),
        comm: Some("nginx".to_owned()),
        min_wait_ns: Some(10_000),
    };
    for command in ["diagnose", "watch", "export", "record -o x"] {
        let session = session_of(&format!("livelock {command} {line}"));
        assert_eq!(session.filter, expected, "{command}");
    }
    for show in ["diagnose", "watch", "export"] {
        let config = parsed(&format!("livelock replay x {show} {line}")).expect("valid");
        let (Job::Diagnose { source, .. } | Job::Watch { source, .. } | Job::Export { source, .. }) =
            config.job
        else {
            panic!("{show}");
        };
        let Source::Recording { filter, .. } = source else {
            panic!("{show}");
        };
        assert_eq!(filter, expected, "{show}");
    }
}
