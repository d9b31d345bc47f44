//! When transactions of a file system are counted.

use livelock_core::detect::Observation;
use livelock_core::escalation::Escalation;
use livelock_core::probes::{GroupSet, ProbeGroup};
use livelock_core::verdict::CauseClass;

use super::{busy_window, chosen, only, sampled};

#[test]
fn transactions_are_counted_where_samples_are_in_the_file_system_until_five_quiet_windows() {
    let of = |share: f64| {
        move |seen: &mut Observation| {
            seen.sampled
                .get_or_insert_with(Default::default)
                .transactions = share;
        }
    };
    assert_eq!(
        chosen(|_, seen| of(0.05)(seen)),
        only(ProbeGroup::Transactions)
    );
    assert_eq!(chosen(|_, seen| of(0.04)(seen)), GroupSet::EMPTY);
    // Back-off of wound/wait locks is nothing that this group sees.
    let wounded = chosen(|_, seen| sampled(seen, CauseClass::TransactionRestart, 0.5));
    assert_eq!(wounded, GroupSet::EMPTY);
    let mut escalation = Escalation::default();
    let (window, quiet) = busy_window();
    let mut busy = quiet.clone();
    of(0.5)(&mut busy);
    escalation.next(&window, &busy);
    let nr_windows = (0..20)
        .take_while(|_| {
            escalation
                .next(&window, &quiet)
                .has(ProbeGroup::Transactions)
        })
        .count();
    assert_eq!(nr_windows, 4, "it leaves in the fifth");
}
