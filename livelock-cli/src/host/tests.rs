//! Facts from text, decisions from facts, and one survey of this host.

use livelock_core::host::{SamplerSource, SpinlockFlavour};
use livelock_core::verdict::BlindSpot;
use proptest::prelude::*;

use super::cpuid::decode_leaf;
use super::hypervisor::cpu_flag;
use super::survey::is_mapped;
use super::*;
use crate::btf::read_running;
use crate::names::{KernelSymbols, SymbolsError};

#[test]
fn releases_compare_by_number() {
    let parse = |release| KernelVersion::parse(release).expect(release);
    assert_eq!(parse("6.1.0-18-cloud-amd64"), KernelVersion::new(6, 1));
    assert_eq!(parse("7.3-rc1"), KernelVersion::new(7, 3));
    assert!(parse("5.15.0") < KernelVersion::CONTENTION_TRACEPOINTS);
    assert!(parse("6.9.1") < parse("6.18.44-fc"));
    assert_eq!(KernelVersion::parse("next"), None);
    assert_eq!(KernelVersion::parse("6."), None);
}

#[test]
fn cpu_lists_are_counted() {
    assert_eq!(parse_cpulist("0-3,8\n"), Some(5));
    assert_eq!(parse_cpulist("0"), Some(1));
    assert_eq!(parse_cpulist("3-1"), None);
    assert_eq!(parse_cpulist("0-4294967295"), None);
    assert_eq!(parse_cpulist(""), None);
}

#[test]
fn lockdown_is_the_word_in_brackets() {
    let text = "none integrity [confidentiality]\n";
    assert_eq!(Lockdown::parse(text), Some(Lockdown::Confidentiality));
    assert_eq!(Lockdown::parse("[none] integrity"), Some(Lockdown::Off));
    assert_eq!(Lockdown::parse("none"), None);
    let asked = |line| Lockdown::of_command_line(line);
    assert_eq!(asked("quiet lockdown=integrity"), Some(Lockdown::Integrity));
    assert_eq!(
        asked("lockdown=none lockdown=confidentiality"),
        Some(Lockdown::Confidentiality)
    );
    assert_eq!(asked("quiet panic=1"), None);
}

#[test]
fn sys_admin_implies_bpf_but_not_ptrace() {
    let set = |hex| Capabilities::parse(&format!("Name:\tx\nCapEff:\t{hex}\n")).expect(hex);
    let admin = set("0000000000200000");
    assert!(admin.has(Capability::Bpf) && admin.has(Capability::Perfmon));
    assert!(!admin.has(Capability::SysPtrace));
    let small = set("000000c000000000");
    assert!(small.has(Capability::Bpf) && small.has(Capability::Perfmon));
    assert!(!small.has(Capability::Syslog) && !small.has(Capability::SysAdmin));
    assert_eq!(Capabilities::parse("CapEff:\tmany\n"), None);
}

#[test]
fn user_namespaces_are_told_by_their_map() {
    assert!(!is_mapped("         0          0 4294967295\n"));
    assert!(is_mapped("         0       1000          1\n"));
}

#[test]
fn metal_of_a_cloud_is_no_guest() {
    let ec2 = |product: &str| HypervisorClues {
        dmi_vendor: Some("Amazon EC2".to_owned()),
        dmi_product: Some(product.to_owned()),
        ..HypervisorClues::default()
    };
    assert_eq!(hypervisor_name(&ec2("m7g.metal")), None);
    assert_eq!(hypervisor_name(&ec2("m7g.large")).as_deref(), Some("KVM"));
    let x86_metal = HypervisorClues {
        cpu_flag: Some(false),
        ..ec2("m5.large")
    };
    assert_eq!(hypervisor_name(&x86_metal), None);
    assert_eq!(cpu_flag("flags\t\t: fpu hypervisor lahf_lm\n"), Some(true));
    assert_eq!(cpu_flag("Features\t: fp asimd\n"), None);
}

#[test]
fn kvm_tells_its_features() {
    let word = |text: &[u8; 4]| u32::from_le_bytes(*text);
    let signature = [word(b"KVMK"), word(b"VMKV"), word(b"M\0\0\0")];
    let leaf = decode_leaf(signature, [1 << 7, 0]).expect("a signature");
    let kvm = leaf.kvm.expect("of KVM");
    assert!(kvm.pv_unhalt && !kvm.realtime_hint);
    assert_eq!(decode_leaf([0; 3], [0; 2]), None);
}

/// A KVM guest that says nothing yet.
fn guest() -> SpinlockClues {
    SpinlockClues {
        arch: "x86_64".to_owned(),
        cpu_flag: Some(true),
        nr_cpus_possible: Some(8),
        has_paravirt: Some(true),
        has_pv_spinlocks: Some(true),
        ..SpinlockClues::default()
    }
}

fn log(records: &[&str]) -> Option<BootLog> {
    Some(parse_boot_log(records.iter().copied()))
}

fn flavour(clues: &SpinlockClues) -> SpinlockFlavour {
    spinlocks(clues).flavour
}

#[test]
fn the_boot_log_decides() {
    let with = |text: &str| {
        let records = [
            "6,0,0,-;Linux version 6.1",
            &format!("6,90,133333,-;{text}\n DEV=+x"),
        ];
        flavour(&SpinlockClues {
            boot_log: log(&records),
            ..guest()
        })
    };
    use SpinlockFlavour::{Native, Paravirtual, TestAndSet};
    assert_eq!(with("kvm-guest: PV spinlocks enabled"), Paravirtual);
    let hint = "kvm-guest: PV spinlocks disabled with KVM_HINTS_REALTIME hints";
    assert_eq!(with(hint), Native);
    assert_eq!(with("kvm-guest: PV spinlocks disabled, single CPU"), Native);
    let forced = "kvm-guest: PV spinlocks disabled, forced by \"nopvspin\" parameter";
    assert_eq!(with(forced), Native);
    assert_eq!(
        with("kvm-guest: PV spinlocks disabled, no host support"),
        TestAndSet
    );
    assert_eq!(with("Hyper-V: PV spinlocks disabled"), TestAndSet);
    assert_eq!(with("xen: PV spinlocks disabled"), Native);
    assert_eq!(
        with("nothing of the kind"),
        TestAndSet,
        "complete and silent"
    );
}

#[test]
fn a_rotated_log_says_nothing_by_silence() {
    let late = log(&["6,4711,99000000,-;eth0: link up"]).expect("a log");
    assert!(!late.is_complete);
    let clues = SpinlockClues {
        boot_log: Some(late),
        ..guest()
    };
    assert_eq!(flavour(&clues), SpinlockFlavour::Unknown);
    let after_boot = "6,1,500000000,-;PV spinlocks enabled";
    assert_eq!(log(&["6,0,0,-;x", after_boot]).expect("a log").pv, None);
}

#[test]
fn cpuid_decides_where_the_log_is_gone() {
    let kvm = |pv_unhalt, realtime_hint, has_pv_spinlocks, nopvspin| {
        flavour(&SpinlockClues {
            kvm: Some(KvmLeaf {
                pv_unhalt,
                realtime_hint,
            }),
            has_pv_spinlocks,
            nopvspin,
            ..guest()
        })
    };
    use SpinlockFlavour::{Native, Paravirtual, TestAndSet, Unknown};
    assert_eq!(kvm(true, false, Some(true), false), Paravirtual);
    assert_eq!(kvm(true, true, Some(true), false), Native);
    assert_eq!(kvm(true, false, Some(true), true), Native);
    assert_eq!(kvm(false, false, Some(true), false), TestAndSet);
    assert_eq!(kvm(false, true, Some(true), false), Unknown);
    assert_eq!(kvm(true, false, Some(false), false), TestAndSet);
    assert_eq!(kvm(true, false, None, false), Unknown);
}

#[test]
fn metal_rt_and_other_architectures() {
    let metal = SpinlockClues {
        cpu_flag: Some(false),
        ..guest()
    };
    assert_eq!(flavour(&metal), SpinlockFlavour::Native);
    let rt = SpinlockClues {
        is_rt: true,
        ..guest()
    };
    assert_eq!(flavour(&rt), SpinlockFlavour::Rt);
    let arch = |arch: &str| SpinlockClues {
        arch: arch.to_owned(),
        cpu_flag: None,
        ..guest()
    };
    assert_eq!(flavour(&arch("aarch64")), SpinlockFlavour::Native);
    assert_eq!(flavour(&arch("s390x")), SpinlockFlavour::Unknown);
    let tcg = SpinlockClues {
        hypervisor: Some("QEMU TCG".to_owned()),
        ..guest()
    };
    assert_eq!(flavour(&tcg), SpinlockFlavour::TestAndSet);
}

fn here() -> Survey {
    let btf = read_running();
    let symbols = KernelSymbols::load();
    survey(btf.as_ref(), symbols.as_ref(), SamplerSource::Hrtimer)
}

#[test]
fn this_host_is_surveyed() {
    let survey = here();
    println!("{survey:#?}");
    assert!(survey.facts.nr_cpus_online >= 1);
    assert!(survey.facts.nr_cpus_possible >= survey.facts.nr_cpus_online);
    assert!(survey.kernel.is_some(), "{}", survey.facts.kernel_release);
    for check in requirements(&survey) {
        let is_ok = check.state == CheckState::Ok;
        assert_eq!(is_ok, check.costs.is_none(), "{check:?}");
    }
}

#[test]
fn what_is_required_is_fatal_and_nothing_else() {
    let hidden = SymbolsError::Hidden;
    let mut survey = Survey {
        lockdown: Some(Lockdown::Confidentiality),
        capabilities: Capabilities::parse("CapEff: 0"),
        symbols: SymbolsFound::Missing(hidden.to_string()),
        ..here()
    };
    survey.tracepoints = Some(Tracepoints {
        contention: true,
        contended_release: false,
        lockdep: false,
    });
    survey.btf_error = None;
    let checks = requirements(&survey);
    let ids: Vec<CheckId> = fatal(&checks).iter().map(|check| check.id).collect();
    let expected = [
        CheckId::Lockdown,
        CheckId::LoadPrograms,
        CheckId::AttachPrograms,
    ];
    assert_eq!(ids, expected);
    let missing = checks
        .iter()
        .find(|check| check.id == CheckId::FunctionNames);
    assert_eq!(missing.map(|check| check.state), Some(CheckState::Missing));
}

#[test]
fn a_missing_source_of_names_is_a_blind_spot_and_costs_names() {
    let survey = Survey {
        missing_names: vec!["io_ring_ctx (not in BTF)".to_owned()],
        ..here()
    };
    let probes = Probes {
        judged: Judged::Host,
        has_function_names: true,
        level: 0,
        missing_names: &survey.missing_names,
        is_filtered: false,
    };
    let spots = blind_spots(&survey.facts, probes);
    let spot = spots.iter().find(|spot| spot.id == "lock-name-sources");
    assert!(spot.is_some_and(|spot| spot.what.contains("io_ring_ctx (not in BTF)")));
    let checks = requirements(&survey);
    let check = checks.iter().find(|check| check.id == CheckId::LockNames);
    let check = check.expect("it is listed");
    assert_eq!(check.state, CheckState::Degraded);
    assert_eq!(check.found, "without io_ring_ctx (not in BTF)");
}

#[test]
fn blind_spots_follow_the_host() {
    let mut facts = here().facts;
    let ids = |facts: &_, has_function_names| -> Vec<String> {
        let probes = Probes {
            judged: Judged::Host,
            is_filtered: false,
            has_function_names,
            level: 0,
            missing_names: &[],
        };
        let spots = blind_spots(facts, probes);
        spots.into_iter().map(|spot| spot.id).collect()
    };
    facts.spinlocks = SpinlockFlavour::TestAndSet;
    facts.has_contended_release = false;
    facts.idle_by_clock = Some(true);
    facts.hardirq_by_clock = Some(true);
    assert_eq!(
        ids(&facts, true),
        [
            "test-and-set-spinlocks",
            "interrupts-off-sampling",
            "rwsem-optimistic-spin",
            "no-lock-event",
            "no-contended-release",
            "syscall-results",
        ]
    );
    facts.spinlocks = SpinlockFlavour::Paravirtual;
    facts.sampler = SamplerSource::None;
    facts.has_contended_release = true;
    facts.idle_by_clock = None;
    facts.hardirq_by_clock = Some(false);
    assert_eq!(
        ids(&facts, false),
        [
            "no-sampler",
            "no-function-names",
            "rwsem-optimistic-spin",
            "no-lock-event",
            "idle-by-ticks",
            "hardirqs-by-ticks",
            "syscall-results",
        ]
    );
}

#[test]
fn blind_spots_of_cpus_say_what_is_not_counted_there() {
    let facts = here().facts;
    let of = |judged| {
        let probes = Probes {
            judged,
            is_filtered: false,
            has_function_names: true,
            level: 0,
            missing_names: &[],
        };
        blind_spots(&facts, probes)
    };
    let has = |spots: &[BlindSpot], id| spots.iter().any(|spot| spot.id == id);
    let counted = of(Judged::Cpus { uncounted: None });
    assert!(has(&counted, "host-only-counters"));
    assert!(!has(&counted, "uncounted-cpus"));
    let uncounted = of(Judged::Cpus {
        uncounted: Some("Permission denied"),
    });
    assert!(has(&uncounted, "host-only-counters"));
    let spot = uncounted.iter().find(|spot| spot.id == "uncounted-cpus");
    assert!(spot.is_some_and(|spot| spot.what.ends_with(": Permission denied")));
    for judged in [Judged::Host, Judged::Tasks] {
        assert!(!has(&of(judged), "host-only-counters"));
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC*") {
        let _ = KernelVersion::parse(&text);
        let _ = parse_cpulist(&text);
        let _ = Lockdown::parse(&text);
        let _ = Capabilities::parse(&text);
        let _ = cpu_flag(&text);
        let _ = is_mapped(&text);
        let _ = parse_boot_log([text.as_str()]);
    }

    #[test]
    fn any_registers_are_survived(signature: [u32; 3], features: [u32; 2]) {
        let _ = decode_leaf(signature, features);
    }
}
