//! Records from the rings.
//!
//! In: wire records. Out: waits, stacks and samples. Refuses: records that contradict themselves.

use livelock_common::{
    ABSENT, CallRecord, ReleaseRecord, SampleRecord, StackRecord, UserStackRecord, WaitRecord,
    call, object, owner,
};
use livelock_core::event::{
    LockCallEvent, LockOwner, ObjectKind, ObjectPlace, OwnerTask, ReleaseEvent, SampleEvent,
    SampleMode, StackEvent, TaskRef, WaitEvent,
};
use livelock_core::ids::{CgroupId, CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};
use livelock_core::lock_call::LockCallKind;

use super::{DecodeError, in_line_after_ns, kind, stack_id};

/// Where code of a process can be: above the first page, in the lower half (47 bits on x86-64, 48 on arm64 by default).
const USER_CODE: std::ops::Range<u64> = 0x1000..1 << 48;

pub(super) fn wait(record: &WaitRecord) -> Result<WaitEvent, DecodeError> {
    if record.lock_addr == 0 {
        return Err(DecodeError::NoLock);
    }
    if record.end_ns < record.begin_ns {
        return Err(DecodeError::EndBeforeBegin {
            by_ns: record.begin_ns - record.end_ns,
        });
    }
    Ok(WaitEvent {
        lock: LockAddr(record.lock_addr),
        kind: kind(record.flags),
        begin: MonotonicNs(record.begin_ns),
        end: MonotonicNs(record.end_ns),
        in_line_after_ns: in_line_after_ns(record.line_units),
        spin_ns: record.spin_ns,
        pid: Pid(record.pid),
        tgid: Tgid(record.tgid),
        cpu: CpuId(record.cpu),
        stack: stack_id(record.stack_cpu, record.stack_id),
        acquired: record.ret == 0,
    })
}

pub(super) fn stack(
    cpu: u32,
    record: &StackRecord,
    user: Option<&UserStackRecord>,
) -> Result<StackEvent, DecodeError> {
    if record.lock_addr == 0 {
        return Err(DecodeError::NoLock);
    }
    Ok(StackEvent {
        id: StackId {
            cpu: CpuId(cpu),
            number: record.stack_id,
        },
        weight: record.weight,
        taken: MonotonicNs(record.taken_ns),
        lock: LockAddr(record.lock_addr),
        kind: kind(record.flags),
        task: task(record.pid, record.tgid, &record.comm),
        cgroup: CgroupId(record.cgroup_id),
        place: place(record.object, record.object_offset)?,
        owner: lock_owner(record)?,
        frames: frames(&record.frames, record.nr_frames)?,
        user_frames: match user {
            Some(user) => {
                let walked = frames(&user.frames, user.nr_frames)?;
                // Without frame pointers a walk ends in whatever a register held.
                walked
                    .into_iter()
                    .take_while(|frame| USER_CODE.contains(&frame.0))
                    .collect()
            }
            None => Vec::new(),
        },
    })
}

pub(super) fn sample(cpu: u32, record: &SampleRecord) -> Result<SampleEvent, DecodeError> {
    Ok(SampleEvent {
        cpu: CpuId(cpu),
        taken: MonotonicNs(record.taken_ns),
        task: task(record.pid, record.tgid, &record.comm),
        mode: if record.in_user != 0 {
            SampleMode::User
        } else {
            SampleMode::Kernel
        },
        in_traced_spin: record.in_user == 0 && (record.depth > 0 || record.mutex_spin != 0),
        in_self: record.in_self != 0,
        prio: (record.prio != ABSENT).then_some(record.prio),
        user_ip: (record.user_ip != 0).then_some(CodeAddr(record.user_ip)),
        first_arg: (record.first_arg != 0).then_some(record.first_arg),
        frames: frames(&record.frames, record.nr_frames)?,
    })
}

pub(super) fn release(record: &ReleaseRecord) -> Result<ReleaseEvent, DecodeError> {
    if record.lock_addr == 0 {
        return Err(DecodeError::NoLock);
    }
    if record.released_ns < record.acquired_ns {
        return Err(DecodeError::EndBeforeBegin {
            by_ns: record.acquired_ns - record.released_ns,
        });
    }
    Ok(ReleaseEvent {
        lock: LockAddr(record.lock_addr),
        acquired: MonotonicNs(record.acquired_ns),
        released: MonotonicNs(record.released_ns),
        pid: Pid(record.pid),
        tgid: Tgid(record.tgid),
        cpu: CpuId(record.cpu),
        stack: stack_id(record.stack_cpu, record.stack_id),
        taken_at: (record.ip != 0).then_some(CodeAddr(record.ip)),
    })
}

pub(super) fn call(cpu: u32, record: &CallRecord) -> Result<LockCallEvent, DecodeError> {
    if record.lock_addr == 0 {
        return Err(DecodeError::NoLock);
    }
    let kind = match record.kind {
        call::LOCK => LockCallKind::Lock,
        call::TRYLOCK => LockCallKind::Trylock,
        call::UNLOCK => LockCallKind::Unlock,
        kind => return Err(DecodeError::UnknownCall { kind }),
    };
    Ok(LockCallEvent {
        kind,
        lock: LockAddr(record.lock_addr),
        at: MonotonicNs(record.at_ns),
        cpu: CpuId(cpu),
        task: task(record.pid, record.tgid, &record.comm),
    })
}

fn lock_owner(record: &StackRecord) -> Result<Option<LockOwner>, DecodeError> {
    let known = |word: u32| (word != ABSENT).then_some(word);
    Ok(Some(match record.owner {
        owner::UNKNOWN => return Ok(None),
        owner::NOBODY => LockOwner::Nobody,
        owner::READERS => LockOwner::Readers,
        owner::TASK => LockOwner::Task(OwnerTask {
            task: task(record.owner_pid, record.owner_tgid, &record.owner_comm),
            is_on_cpu: known(record.owner_on_cpu).map(|on_cpu| on_cpu != 0),
            wants_to_run: known(record.owner_state).map(|state| state == 0),
            cpu: known(record.owner_cpu).map(CpuId),
        }),
        kind => return Err(DecodeError::UnknownOwner { kind }),
    }))
}

fn place(object: u32, offset_bytes: u32) -> Result<Option<ObjectPlace>, DecodeError> {
    let object = match object {
        object::NONE => return Ok(None),
        object::TASK => ObjectKind::TaskStruct,
        object::MM => ObjectKind::MmStruct,
        object::FILES => ObjectKind::FilesStruct,
        object::FS => ObjectKind::FsStruct,
        object::SIGHAND => ObjectKind::SighandStruct,
        object::SIGNAL => ObjectKind::SignalStruct,
        object::PARENT_SIGHAND => ObjectKind::ParentSighand,
        object::PARENT_SIGNAL => ObjectKind::ParentSignal,
        object::TTY => ObjectKind::TtyStruct,
        object::IO_RING => ObjectKind::IoRingCtx,
        object::IPC => ObjectKind::IpcNamespace,
        object::NET => ObjectKind::Net,
        kind => return Err(DecodeError::UnknownObject { kind }),
    };
    Ok(Some(ObjectPlace {
        object,
        offset_bytes,
    }))
}

fn frames(frames: &[u64], nr_frames: u32) -> Result<Vec<CodeAddr>, DecodeError> {
    let used = usize::try_from(nr_frames)
        .ok()
        .and_then(|nr| frames.get(..nr));
    let used = used.ok_or(DecodeError::TooManyFrames { nr_frames })?;
    Ok(used.iter().copied().map(CodeAddr).collect())
}

fn task(pid: u32, tgid: u32, comm: &[u8; 16]) -> TaskRef {
    let len = comm
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(comm.len());
    let comm = String::from_utf8_lossy(&comm[..len]).into_owned();
    TaskRef {
        pid: Pid(pid),
        tgid: Tgid(tgid),
        comm: (!comm.is_empty()).then_some(comm),
    }
}
