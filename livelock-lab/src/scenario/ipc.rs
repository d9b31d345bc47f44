//! Messages between threads: one queue for all, or pairs that take turns.
//!
//! In: a plan. Out: threads that send and receive. Refuses: queues that outlive the process, and waits
//! without a limit.

use std::ffi::CString;
use std::io::{self, Read as _, Write as _};
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mq-one",
        description: "send to and receive from one POSIX message queue: all threads want its spinlock",
        class: Class::SpinCollapse,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs {
            posix_mq: true,
            ..Needs::COLLAPSE
        },
        prepare: mq_one,
    },
    Scenario {
        name: "sysv-msg-one",
        description: "send to and receive from one System V message queue: all threads want its spinlock",
        class: Class::SpinCollapse,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: sysv_msg_one,
    },
    Scenario {
        name: "unix-dgram-one",
        description: "send and receive datagrams on one Unix socket: its queue lock and its mutex",
        class: Class::LockContention,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::COLLAPSE,
        prepare: unix_dgram_one,
    },
    Scenario {
        name: "unix-pingpong",
        description: "pairs of threads take turns over a Unix socket: switches and wake-ups",
        class: Class::KernelWork,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: unix_pingpong,
    },
    Scenario {
        name: "pipe-pingpong",
        description: "pairs of threads take turns over two pipes: switches and wake-ups",
        class: Class::KernelWork,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: pipe_pingpong,
    },
];

/// Longest wait for the other one of a pair: then the thread looks at the stop flag.
const TURN_LIMIT: Duration = Duration::from_millis(50);

const MESSAGE_BYTES: usize = 32;

fn mq_one(_: &Plan) -> anyhow::Result<Work> {
    let queue = Arc::new(message_queue().map_err(|err| {
        Missing::because(
            &err,
            "a POSIX message queue cannot be made",
            "use a kernel with CONFIG_POSIX_MQUEUE, and raise the limit with `ulimit -q`",
        )
    })?);
    Work::by_thread(move |_| {
        let queue = Arc::clone(&queue);
        let mut message = [0_u8; MESSAGE_BYTES];
        plan::counted(move || {
            let fd = queue.as_raw_fd();
            // SAFETY: the queue is open, the kernel reads a live local.
            let sent = sys::tried(sys::done(unsafe {
                libc::mq_send(fd, message.as_ptr().cast(), MESSAGE_BYTES, 0)
            }))?;
            // SAFETY: the queue is open, its messages fit the live local.
            let received = sys::tried(sys::done(unsafe {
                libc::mq_receive(
                    fd,
                    message.as_mut_ptr().cast(),
                    MESSAGE_BYTES,
                    ptr::null_mut(),
                )
            }))?;
            Ok(sent & received)
        })
    })
}

/// A queue without a name: it ends with its last descriptor.
fn message_queue() -> io::Result<OwnedFd> {
    let name = CString::new(format!("/livelock-lab-{}", std::process::id()))?;
    // SAFETY: made of integers, for which zero is valid.
    let mut attributes: libc::mq_attr = unsafe { mem::zeroed() };
    attributes.mq_maxmsg = 10;
    attributes.mq_msgsize = MESSAGE_BYTES as i64;
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: the name ends with NUL, the attributes are a live local.
    let queue =
        sys::own_fd(unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw mut attributes) })?;
    // SAFETY: the name ends with NUL.
    sys::done(unsafe { libc::mq_unlink(name.as_ptr()) })?;
    Ok(queue)
}

/// A System V queue, removed when dropped.
struct SysvQueue(libc::c_int);

impl Drop for SysvQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours; a null buffer is allowed when removing.
        unsafe { libc::msgctl(self.0, libc::IPC_RMID, ptr::null_mut()) };
    }
}

/// `struct msgbuf`.
#[repr(C)]
struct SysvMessage {
    kind: libc::c_long,
    text: [u8; MESSAGE_BYTES],
}

fn sysv_msg_one(_: &Plan) -> anyhow::Result<Work> {
    // SAFETY: takes numbers.
    let id = sys::done(unsafe { libc::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600) })
        .context("failed to make a message queue; are there too many (`ipcs -q`)?")?;
    Ok(Work::by_thread(move |_| {
        let mut message = SysvMessage {
            kind: 1,
            text: [0; MESSAGE_BYTES],
        };
        plan::counted(move || {
            let flags = libc::IPC_NOWAIT;
            // SAFETY: the kernel reads a live local of that length.
            let sent = again_or_empty(sys::done(unsafe {
                libc::msgsnd(id, (&raw const message).cast(), MESSAGE_BYTES, flags)
            }))?;
            // SAFETY: the kernel writes a live local of that length.
            let received = again_or_empty(sys::done(unsafe {
                libc::msgrcv(id, (&raw mut message).cast(), MESSAGE_BYTES, 1, flags)
            }))?;
            Ok(sent & received)
        })
    })?
    .keep(SysvQueue(id)))
}

/// System V says ENOMSG where others say EAGAIN, and EIDRM once the queue is removed at the end.
fn again_or_empty<T>(result: io::Result<T>) -> io::Result<u64> {
    match result {
        Err(err)
            if [libc::ENOMSG, libc::EIDRM, libc::EINVAL]
                .iter()
                .any(|&errno| sys::is_errno(&err, errno)) =>
        {
            Ok(0)
        }
        result => sys::tried(result),
    }
}

fn unix_dgram_one(_: &Plan) -> anyhow::Result<Work> {
    let (sender, receiver) = UnixDatagram::pair().context("failed to make a pair of sockets")?;
    sender.set_nonblocking(true)?;
    receiver.set_nonblocking(true)?;
    let pair = Arc::new((sender, receiver));
    Work::by_thread(move |_| {
        let pair = Arc::clone(&pair);
        plan::counted(move || {
            let sent = sys::tried(pair.0.send(&[0; MESSAGE_BYTES]))?;
            let received = sys::tried(pair.1.recv(&mut [0; MESSAGE_BYTES]))?;
            Ok(sent & received)
        })
    })
}

fn unix_pingpong(plan: &Plan) -> anyhow::Result<Work> {
    let ends = pairs(plan, || {
        let (left, right) = UnixStream::pair()?;
        for end in [&left, &right] {
            end.set_read_timeout(Some(TURN_LIMIT))?;
        }
        Ok((left, right))
    })?;
    Work::by_thread(move |index| {
        let mut end = ends.take(index).context("no partner for this thread")?;
        let mut serves = index.is_multiple_of(2);
        plan::counted(move || {
            if mem::take(&mut serves) {
                end.write_all(&[1])?;
            }
            let received = sys::tried(end.read_exact(&mut [0]))?;
            if received == 1 {
                end.write_all(&[1])?;
            }
            Ok(received)
        })
    })
}

fn pipe_pingpong(plan: &Plan) -> anyhow::Result<Work> {
    let ends = pairs(plan, || {
        let (there, back) = (sys::pipe(0)?, sys::pipe(0)?);
        Ok(((back.0, there.1), (there.0, back.1)))
    })?;
    Work::by_thread(move |index| {
        let (reader, writer) = ends.take(index).context("no partner for this thread")?;
        let mut serves = index.is_multiple_of(2);
        plan::counted(move || {
            if mem::take(&mut serves) {
                sys::write(&writer, &[1])?;
            }
            if !sys::poll_in(&reader, TURN_LIMIT.as_millis() as libc::c_int)? {
                return Ok(0);
            }
            if sys::read(&reader, &mut [0])? == 1 {
                sys::write(&writer, &[1])?;
            }
            Ok(1)
        })
    })
}

/// What each thread takes for itself.
struct Ends<T>(Mutex<Vec<Option<T>>>);

impl<T> Ends<T> {
    fn take(&self, index: usize) -> Option<T> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get_mut(index)?.take()
    }
}

/// One end for each thread; neighbours hold the two ends of one pair. An odd thread plays alone.
fn pairs<T>(
    plan: &Plan,
    mut make: impl FnMut() -> io::Result<(T, T)>,
) -> anyhow::Result<Arc<Ends<T>>> {
    plan.at_least(2)?;
    let mut ends = Vec::new();
    for _ in 0..plan.nr_threads.div_ceil(2) {
        let (left, right) = make().context("failed to make a pair of files")?;
        ends.extend([Some(left), Some(right)]);
    }
    Ok(Arc::new(Ends(Mutex::new(ends))))
}
