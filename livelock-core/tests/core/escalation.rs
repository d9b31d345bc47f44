//! When probe level 1 comes and goes.

use livelock_core::escalation::Escalation;

use crate::scenario::{Load, Samples, Sim, compute, fd_collapse, idle};

/// Busy with kernel work that nothing explains.
fn kernel_bound() -> Load {
    Load {
        user: 0.1,
        kernel: 0.9,
        samples: Samples {
            kernel: 90,
            user: 10,
            ..Samples::default()
        },
        ..Load::default()
    }
}

fn levels(escalation: &mut Escalation, load: Load, nr: usize) -> Vec<u8> {
    let mut sim = Sim::new(4);
    sim.run(nr, load);
    sim.windows
        .iter()
        .zip(&sim.seen)
        .map(|(window, seen)| escalation.next(window, seen))
        .collect()
}

#[test]
fn a_quiet_or_computing_host_is_left_alone() {
    let mut escalation = Escalation::default();
    assert_eq!(levels(&mut escalation, idle(), 4), [0; 4]);
    assert_eq!(levels(&mut escalation, compute(), 4), [0; 4]);
}

#[test]
fn unexplained_kernel_work_is_looked_at_until_five_quiet_windows() {
    let mut escalation = Escalation::default();
    assert_eq!(levels(&mut escalation, kernel_bound(), 2), [1, 1]);
    assert_eq!(levels(&mut escalation, idle(), 6), [1, 1, 1, 1, 0, 0]);
}

#[test]
fn a_storm_that_level_0_explains_is_not_made_worse() {
    let mut escalation = Escalation::default();
    assert_eq!(levels(&mut escalation, fd_collapse(), 4), [0; 4]);
}

#[test]
fn a_level_that_costs_too_much_is_given_up_for_ten_windows() {
    let mut sim = Sim::new(4);
    sim.run(14, kernel_bound());
    let mut escalation = Escalation::default();
    let mut levels = Vec::new();
    for (number, (window, seen)) in sim.windows.iter().zip(&sim.seen).enumerate() {
        let mut window = window.clone();
        if number == 1 {
            window.activity = Some(livelock_core::activity::Activity {
                self_ns: window.capacity_ns() / 20,
                ..Default::default()
            });
        }
        levels.push(escalation.next(&window, seen));
    }
    assert_eq!(levels[0], 1);
    assert_eq!(levels[1..11], [0; 10]);
    assert_eq!(levels[11..], [1; 3]);
}
