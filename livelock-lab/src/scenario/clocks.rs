//! Clocks that lie outside of the CPUs.
//!
//! In: a plan. Out: threads that ask for the time while the kernel reads it from such a clock. Refuses: to leave the machine
//! with that clock.

use std::fs;
use std::io;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::{Missing, Needs};
use crate::plan::{Plan, Work};
use crate::setting::Setting;
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "slow-clock",
    description: "ask for the time all the time, of a clock that CPUs read over the bus, one at a time",
    class: Class::SlowClock,
    expected_status: Status::Busy,
    kind: Kind::LookAlike,
    needs: Needs {
        root: true,
        slow_clocksource: true,
        ..Needs::TWO_CPUS
    },
    prepare: slow_clock,
}];

const AVAILABLE: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";
const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// The slowest first.
const SLOW: &[&str] = &["acpi_pm", "hpet"];

fn slow_clock(_: &Plan) -> anyhow::Result<Work> {
    let available = fs::read_to_string(AVAILABLE).unwrap_or_default();
    let slow = slow_of(&available).ok_or_else(|| {
        Missing::new(
            format!(
                "no clock source outside of the CPUs is offered ({})",
                available.trim()
            ),
            "run it on a PC, or in an emulated guest, which has an ACPI timer or an HPET",
        )
    })?;
    let setting = Setting::change(CURRENT, slow)?;
    let current = setting.read().unwrap_or_default();
    if current != slow {
        return Err(Missing::new(
            format!("the kernel keeps the clock source {current} instead of {slow}"),
            "see why in its log (dmesg), or run it in an emulated guest",
        )
        .into());
    }
    Ok(Work::shared(ask)?.keep(setting))
}

fn slow_of(available: &str) -> Option<&'static str> {
    let offers = |name: &str| available.split_whitespace().any(|word| word == name);
    SLOW.iter().copied().find(|name| offers(name))
}

fn ask() -> io::Result<()> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes into a live local.
    sys::done(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_clock_on_offer_is_taken() {
        assert_eq!(slow_of("tsc hpet acpi_pm \n"), Some("acpi_pm"));
        assert_eq!(slow_of("tsc hpet\n"), Some("hpet"));
        assert_eq!(slow_of("kvm-clock tsc\n"), None);
    }
}
