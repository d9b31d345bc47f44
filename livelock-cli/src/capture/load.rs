//! The object with its maps and programs, before anything runs.
//!
//! In: the object, sizes of this host, which tasks count, of which waits there are details. Out: loaded programs, links, mapped maps. Refuses: an
//! object of another ABI.

use std::os::fd::{AsFd, OwnedFd};

use aya::maps::{Map, MapData};
use aya::programs::perf_event::PerfEvent;
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, RawTracePoint, RawTracePointRunOptions, TestRun};
use aya::util::nr_cpus;
use aya::{Btf, Ebpf, EbpfLoader, Endianness};
use livelock_common::{ABI_VERSION, HOLD_SLOTS, WATCHED_LOCKS, scope};

use super::config::{KernelOffsets, TaskFilter, WaitFilter};
use super::control::ControlWord;
use super::mapping::MappedArray;
use super::{CaptureError, OBJECT};

/// Loads the object with every map sized for this host.
pub(super) fn load_object(
    offsets: &KernelOffsets,
    types: &[u8],
    tasks: TaskFilter,
    waits: WaitFilter,
) -> Result<(Ebpf, Btf, u32), CaptureError> {
    let btf = Btf::parse(types, Endianness::default()).map_err(CaptureError::Btf)?;
    let nr_possible = nr_cpus().map_err(|(what, source)| CaptureError::Cpus { what, source })?;
    let nr_possible = u32::try_from(nr_possible).unwrap_or(u32::MAX);
    let globals = offsets.globals();
    let mut loader = EbpfLoader::new();
    // The programs have no relocations against kernel types: offsets come as globals.
    loader.btf(None);
    for (name, value) in &globals {
        loader.override_global(name, value, true);
    }
    let (kind, id, level) = match tasks {
        TaskFilter::All => (scope::HOST, 0, 0),
        TaskFilter::Cgroup { id, level } => (scope::CGROUP, id, level),
        TaskFilter::Tree => (scope::TREE, 0, 0),
    };
    loader.override_global("SCOPE_KIND", &kind, true);
    loader.override_global("SCOPE_CGROUP_ID", &id, true);
    loader.override_global("SCOPE_CGROUP_LEVEL", &level, true);
    loader.override_global("WANTED_FLAGS", &waits.flags, true);
    loader.override_global("WANTED_LOCK", &waits.lock_addr, true);
    let wants_user_stacks = u32::from(waits.has_user_stacks);
    loader.override_global("USER_STACKS_WANTED", &wants_user_stacks, true);
    loader.map_max_entries("USER_STACKS", nr_user_rings(waits, nr_possible));
    loader.map_max_entries("MEMBERS", nr_member_words(tasks));
    for name in [
        "CPU_STATE",
        "WAITS",
        "STACKS",
        "SAMPLES",
        "RELEASES",
        "CALLS",
        "ACTIVITY",
    ] {
        loader.map_max_entries(name, nr_possible);
    }
    let most = |nr: usize| u32::try_from(nr).unwrap_or(u32::MAX);
    if offsets.tells_releases() {
        loader.map_max_entries("HOLDS", most(HOLD_SLOTS));
    }
    if offsets.lockdep.is_some() {
        loader.map_max_entries("WATCHED", most(WATCHED_LOCKS));
    }
    loader.map_max_entries("LOCK_BANKS", nr_possible.saturating_mul(2));
    let ebpf = loader
        .load(OBJECT)
        .map_err(|e| CaptureError::Object(Box::new(e)))?;
    Ok((ebpf, btf, nr_possible))
}

/// Whoever wants no user stacks has no rings for them, but a map cannot be empty.
pub(super) const fn nr_user_rings(waits: WaitFilter, nr_possible: u32) -> u32 {
    if waits.has_user_stacks {
        nr_possible
    } else {
        1
    }
}

/// Who is no tree has no members, but a map cannot be empty.
pub(super) fn nr_member_words(tasks: TaskFilter) -> u32 {
    match tasks {
        TaskFilter::Tree => u32::try_from(scope::MEMBER_WORDS).unwrap_or(u32::MAX),
        TaskFilter::All | TaskFilter::Cgroup { .. } => 1,
    }
}

pub(super) fn load_tracepoint(
    ebpf: &mut Ebpf,
    btf: &Btf,
    program: &'static str,
) -> Result<(), CaptureError> {
    tracepoint(ebpf, program)?
        .load(program, btf)
        .map_err(|source| CaptureError::Load {
            program,
            source: Box::new(source),
        })
}

pub(super) fn attach_tracepoint(
    ebpf: &mut Ebpf,
    (program, hook): (&'static str, &'static str),
) -> Result<BtfTracePointLink, CaptureError> {
    let tracepoint = tracepoint(ebpf, program)?;
    let link = tracepoint.attach().and_then(|id| tracepoint.take_link(id));
    link.map_err(|source| CaptureError::Attach {
        program,
        hook,
        source: Box::new(source),
    })
}

fn tracepoint<'ebpf>(
    ebpf: &'ebpf mut Ebpf,
    program: &'static str,
) -> Result<&'ebpf mut BtfTracePoint, CaptureError> {
    ebpf.program_mut(program)
        .and_then(|p| p.try_into().ok())
        .ok_or(CaptureError::MissingProgram(program))
}

pub(super) fn perf_event<'ebpf>(
    ebpf: &'ebpf mut Ebpf,
    program: &'static str,
) -> Result<&'ebpf mut PerfEvent, CaptureError> {
    ebpf.program_mut(program)
        .and_then(|p| p.try_into().ok())
        .ok_or(CaptureError::MissingProgram(program))
}

/// Runs the program that says which ABI the object was built for, and reads what it said.
pub(super) fn check_abi(ebpf: &mut Ebpf) -> Result<(), CaptureError> {
    let program = "announce";
    let announce: &mut RawTracePoint = ebpf
        .program_mut(program)
        .and_then(|p| p.try_into().ok())
        .ok_or(CaptureError::MissingProgram(program))?;
    let failed = |source| CaptureError::Load {
        program,
        source: Box::new(source),
    };
    announce.load().map_err(failed)?;
    let mut options = RawTracePointRunOptions::new();
    options.args[1] = 1;
    announce.test_run(options).map_err(failed)?;
    let Some(Map::Array(data)) = ebpf.map("CONTROL") else {
        return Err(CaptureError::MissingMap("CONTROL"));
    };
    let control = MappedArray::new(&data.fd().as_fd(), 1).map_err(|source| CaptureError::Map {
        map: "CONTROL",
        source,
    })?;
    let found = ControlWord::abi_version(&control);
    if found == ABI_VERSION {
        Ok(())
    } else {
        Err(CaptureError::Abi {
            found,
            needed: ABI_VERSION,
        })
    }
}

/// Another descriptor of a loaded program.
pub(super) fn program_fd(ebpf: &Ebpf, tracepoint: &str) -> Option<OwnedFd> {
    let program: &BtfTracePoint = ebpf.program(tracepoint)?.try_into().ok()?;
    program.fd().ok()?.as_fd().try_clone_to_owned().ok()
}

pub(super) fn map<T: Copy>(
    ebpf: &mut Ebpf,
    name: &'static str,
    len: usize,
) -> Result<MappedArray<T>, CaptureError> {
    // The mapping keeps the map alive; the programs hold it as well.
    Ok(kept_map(ebpf, name, len)?.0)
}

/// A map whose descriptor must stay open, because programs that name it are yet to be loaded.
pub(super) fn kept_map<T: Copy>(
    ebpf: &mut Ebpf,
    name: &'static str,
    len: usize,
) -> Result<(MappedArray<T>, MapData), CaptureError> {
    let data: MapData = match ebpf.take_map(name) {
        Some(Map::Array(data)) => data,
        _ => return Err(CaptureError::MissingMap(name)),
    };
    let mapped = MappedArray::new(&data.fd().as_fd(), len)
        .map_err(|source| CaptureError::Map { map: name, source })?;
    Ok((mapped, data))
}

#[cfg(test)]
mod tests {
    use aya_obj::btf::BtfKind;

    use super::super::TRACEPOINT_TYPES;
    use super::*;

    #[test]
    fn aya_finds_the_same_ids_in_the_skeleton() {
        let (Ok(ours), Ok(whole)) = (crate::btf::read_running(), Btf::from_sys_fs()) else {
            eprintln!("skipped: this kernel has no BTF, or one that aya cannot read");
            return;
        };
        let skeleton =
            Btf::parse(&ours.skeleton(&TRACEPOINT_TYPES), Endianness::default()).unwrap();
        for name in TRACEPOINT_TYPES {
            // Not every kernel has all of them.
            let id = |btf: &Btf| btf.id_by_type_name_kind(name, BtfKind::Typedef).ok();
            assert_eq!(id(&skeleton), id(&whole), "{name}");
        }
    }
}
