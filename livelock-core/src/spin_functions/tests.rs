//! The committed file, and what functions mean.

use std::collections::BTreeSet;

use super::*;

const ROLES: [Role; 9] = [
    Role::Spin,
    Role::Idle,
    Role::PollingIdle,
    Role::HaltedWaiter,
    Role::Interrupt,
    Role::SlowClock,
    Role::Trylock,
    Role::Lock,
    Role::Unlock,
];

fn committed() -> SpinDictionary {
    SpinDictionary::read(TEXT).expect("the committed dictionary")
}

fn of(role: Role) -> BTreeSet<String> {
    let groups = committed().groups;
    let groups = groups.into_iter().filter(|group| group.role == role);
    let functions = groups.flat_map(|group| group.functions);
    functions.map(|function| function.pattern).collect()
}

#[test]
fn each_function_has_one_role() {
    let mut seen = BTreeSet::new();
    let dictionary = committed();
    for group in dictionary.groups() {
        assert!(!group.functions.is_empty(), "{group:?}");
        for function in &group.functions {
            let pattern = &function.pattern;
            assert!(seen.insert(pattern.clone()), "{pattern} is there twice");
            let name = pattern.trim_end_matches('*');
            let roles: Vec<Role> = ROLES
                .into_iter()
                .filter(|&role| dictionary.has(name, &[role]))
                .collect();
            assert_eq!(roles, [group.role], "{pattern}");
        }
    }
}

#[test]
fn categories_are_whole() {
    let nr: Vec<usize> = ROLES.into_iter().map(|role| of(role).len()).collect();
    assert_eq!(nr, [28, 12, 2, 3, 11, 4, 13, 11, 11]);
    let beginnings: Vec<String> = of(Role::Spin)
        .into_iter()
        .filter(|pattern| pattern.ends_with('*'))
        .collect();
    assert_eq!(
        beginnings,
        [
            "__cmpwait_*",
            "__csd_lock_wait*",
            "__lockref_*",
            "bit_spin_lock*",
            "csd_lock_wait*",
            "delay_halt*",
            "hlist_bl_lock*",
            "lockref_get*",
            "lockref_put*"
        ]
    );
}

#[test]
fn irq_restore_is_no_spin() {
    assert!(!is_spin("_raw_spin_unlock_irqrestore"));
    assert!(!is_spin("finish_task_switch"));
}

#[test]
fn trylocks_and_clocks_are_no_spin() {
    assert!(is_trylock("_raw_spin_trylock") && !is_spin("_raw_spin_trylock"));
    assert!(!is_trylock("down_trylock") && !is_trylock("_raw_spin_lock"));
    assert_eq!(lock_call("_raw_spin_trylock"), Some(LockCallKind::Trylock));
    assert_eq!(lock_call("down_read_trylock"), Some(LockCallKind::Trylock));
    assert_eq!(
        lock_call("_raw_spin_lock_irqsave"),
        Some(LockCallKind::Lock)
    );
    assert_eq!(lock_call("rt_spin_lock"), Some(LockCallKind::Lock));
    assert_eq!(lock_call("down_write"), Some(LockCallKind::Lock));
    assert_eq!(lock_call("up_read"), Some(LockCallKind::Unlock));
    assert_eq!(
        lock_call("_raw_write_unlock_bh"),
        Some(LockCallKind::Unlock)
    );
    assert_eq!(lock_call("down_trylock"), None);
    assert_eq!(lock_call("down_interruptible"), None);
    assert_eq!(lock_call("mutex_lock_killable"), None);
    assert_eq!(lock_call("osq_lock"), None);
    assert!(is_slow_clock("read_hpet") && !is_spin("read_hpet"));
    assert!(is_slow_clock("acpi_pm_read_slow") && !is_slow_clock("ktime_get"));
}

#[test]
fn names_and_beginnings_match() {
    assert!(is_spin("native_queued_spin_lock_slowpath"));
    assert!(is_spin("osq_lock") && is_spin("delay_tsc") && is_spin("rtlock_slowlock"));
    assert!(is_spin("lockref_get_not_dead") && is_spin("__csd_lock_wait"));
    assert!(!is_spin("my_native_queued_spin_lock_slowpath"));
    assert!(!is_spin("osq_lock_more") && !is_spin("mutex_lock"));
}

#[test]
fn idle_polling_and_halted() {
    for function in ["poll_idle", "cpu_idle_poll"] {
        assert!(is_idle(function) && is_polling_idle(function), "{function}");
    }
    // The driver of haltpoll halts there.
    for function in ["default_enter_idle", "intel_idle", "do_idle"] {
        assert!(
            is_idle(function) && !is_polling_idle(function),
            "{function}"
        );
    }
    assert!(!is_idle("futex_wait") && !is_idle("haltpoll_enter_idle"));
    assert!(is_halted_waiter("kvm_wait") && !is_spin("kvm_wait") && !is_idle("kvm_wait"));
}

#[test]
fn a_text_of_another_shape_is_refused() {
    let text = "[[group]]\nrole = \"spin\"\nfunctions = [\"f 6.1..6.9\", \"g* inlined\"]\n";
    let dictionary = SpinDictionary::read(text).expect("a dictionary");
    assert!(dictionary.has("f", &[Role::Spin]) && dictionary.has("gh", &[Role::Spin]));
    assert!(!dictionary.has("fh", &[Role::Spin]) && !dictionary.has("f", &[Role::Idle]));
    assert!(SpinDictionary::read(&text.replace("spin", "spins")).is_err());
    let with = |function: &str| text.replace("f 6.1..6.9", function);
    for function in ["f 6", "f ..", "f 6.9..6.1", "f 6.1.. maybe", ""] {
        assert!(
            matches!(
                SpinDictionary::read(&with(function)),
                Err(DictionaryError::Function { .. })
            ),
            "{function}"
        );
    }
    let reason = "role = \"spin\"\nreason = \"r\"";
    let reasoned = |text: &str| text.replace("role = \"spin\"", reason);
    for text in [with("f elsewhere"), reasoned(text)] {
        assert!(
            matches!(
                SpinDictionary::read(&text),
                Err(DictionaryError::Reason { .. })
            ),
            "{text}"
        );
    }
    assert!(SpinDictionary::read(&reasoned(&with("f elsewhere"))).is_ok());
}

#[test]
fn roles_are_written_as_they_are_read() {
    for role in ROLES {
        let text = format!("[[group]]\nrole = \"{role}\"\nfunctions = [\"f\"]\n");
        let dictionary = SpinDictionary::read(&text).expect("a role");
        assert!(dictionary.has("f", &[role]));
    }
}
