//! Filters on this machine's kernel: they change what is listed, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tool::{Running, assert_accounting_closes, document, number, run, text};
use crate::turn;

/// Locks of a document.
fn locks(document: &Value) -> &[Value] {
    document["locks"].as_array().expect("locks")
}

fn words(document: &Value, key: &str) -> BTreeSet<String> {
    let of = |lock: &Value| lock[key].as_str().expect(key).to_owned();
    locks(document).iter().map(of).collect()
}

#[test]
fn a_kind_is_all_that_is_listed_and_every_wait_is_counted() {
    let Some((_turn, lab)) =
        turn::attach_with_lab("a_kind_is_all_that_is_listed_and_every_wait_is_counted")
    else {
        return;
    };
    // Sleeping locks beside the spinlocks that every machine has.
    let _storm = Running::lab(&lab, "pipe-shared --duration 20s");
    let output = run("diagnose --format json --duration 1500ms --kind mutex,rwsem");
    let seen = document(&output);
    assert_accounting_closes(&seen);
    assert_eq!(seen["filter"]["kinds"].as_array().map(Vec::len), Some(2));
    let kinds = words(&seen, "kind");
    let wanted = BTreeSet::from(["mutex".to_owned(), "rwsem".to_owned()]);
    assert!(!kinds.is_empty(), "nothing was waited for: {seen}");
    assert!(kinds.is_subset(&wanted), "{kinds:?}");
    // Waits of kinds that are not listed are in the books.
    let listed: u64 = locks(&seen)
        .iter()
        .map(|lock| number(lock, "/nr_waits"))
        .sum();
    assert!(number(&seen, "/accounting/nr_completed") > listed, "{seen}");
    let spots = seen["blind_spots"].as_array().expect("blind spots");
    assert!(
        spots.iter().any(|spot| spot["id"] == "unlisted-locks"),
        "{seen}"
    );
    // Stacks were taken of these alone: who waits for the first is known.
    let first = &locks(&seen)[0];
    if number(first, "/nr_waits") > 1000 {
        assert!(
            first["waiters"]
                .as_array()
                .is_some_and(|sides| !sides.is_empty()),
            "{first}"
        );
    }
}

#[test]
fn callers_names_and_lengths_of_waits_choose_what_is_listed() {
    let Some((_turn, lab)) =
        turn::attach_with_lab("callers_names_and_lengths_of_waits_choose_what_is_listed")
    else {
        return;
    };
    let _storm = Running::lab(&lab, "pipe-shared --duration 30s");
    // Half of its waits last 380 ns. Only those with a stack can be listed by name and length, one in hundreds or thousands.
    // A machine that runs its threads in turn makes no waits for a while: then it is looked at again.
    let look = || {
        document(&run(
            "diagnose --format json --duration 1500ms --comm pipe-shared --min-wait 300ns",
        ))
    };
    let seen = (0..8)
        .map(|_| look())
        .find(|seen| number(seen, "/accounting/nr_begun") > 1000)
        .expect("the load is contended");
    assert_accounting_closes(&seen);
    assert!(!locks(&seen).is_empty(), "{seen}");
    for lock in locks(&seen) {
        assert!(number(lock, "/wait_ns/max") >= 300, "{lock}");
        for side in lock["waiters"].as_array().expect("waiters") {
            assert_eq!(side["comm"], "pipe-shared", "{lock}");
        }
    }
    let nobody = run("diagnose --format json --duration 1s --comm nobody-has-this");
    let seen = document(&nobody);
    assert_eq!(seen["locks"], serde_json::json!([]));
    assert!(
        number(&seen, "/accounting/nr_begun") > 0,
        "the storm is counted: {seen}"
    );
}

#[test]
fn a_name_that_the_kernel_does_not_know_is_refused_with_the_nearest() {
    let test = "a_name_that_the_kernel_does_not_know_is_refused_with_the_nearest";
    let Some(_turn) = turn::attach(test) else {
        return;
    };
    let output = run("diagnose --duration 1s --lock files_strukt.file_lock");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let message = text(&output.stderr);
    assert!(
        message.contains("did you mean `files_struct.file_lock`?"),
        "{message}"
    );
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_replay_lists_what_it_is_asked_for() {
    let Some((_turn, lab)) = turn::attach_with_lab("a_replay_lists_what_it_is_asked_for") else {
        return;
    };
    let _storm = Running::lab(&lab, "pipe-shared --duration 20s");
    let file = std::env::temp_dir().join(format!("livelock-filters-{}.llrec", std::process::id()));
    let name = file.display();
    let output = run(&format!(
        "record --output {name} --duration 1500ms --window 300ms --quiet"
    ));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let replay = |options: &str| {
        document(&run(&format!(
            "replay {name} diagnose --format json{options}"
        )))
    };
    let (all, some) = (replay(""), replay(" --kind mutex"));
    std::fs::remove_file(&file).expect("the recording is there");
    assert!(words(&some, "kind").is_subset(&BTreeSet::from(["mutex".to_owned()])));
    for part in [
        "status",
        "confidence",
        "cause",
        "time",
        "evidence",
        "accounting",
    ] {
        assert_eq!(all[part], some[part], "{part}");
    }
}
