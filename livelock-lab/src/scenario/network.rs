//! Datagrams over loopback: a flood without a reader, one with a slow reader, and an exchange.
//!
//! In: a plan. Out: threads that send packets inside a network namespace of their own. Refuses: the
//! machine's own network; the namespace ends with the process.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::scenario::healthy::burn_rounds;
use crate::sys;

pub(super) const OWN_NETWORK: Needs = Needs {
    root: true,
    network_namespace: true,
    ..Needs::TWO_CPUS
};

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "udp-flood",
        description: "small packets to a socket that nobody reads: all of them are received and dropped",
        class: Class::ReceiveLivelock,
        expected_status: Status::Livelock,
        // Nobody is kept from reading, and every send succeeds: only user space knows that nothing comes of it.
        kind: Kind::Boundary,
        needs: OWN_NETWORK,
        prepare: flood,
    },
    Scenario {
        name: "udp-slow-reader",
        description: "small packets from all threads but one, which reads and works: most are dropped, some delivered",
        class: Class::ReceiveLivelock,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: OWN_NETWORK,
        prepare: slow_reader,
    },
    Scenario {
        name: "udp-pingpong",
        description: "each thread sends itself a packet and reads it: all of them are delivered",
        class: Class::KernelWork,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: OWN_NETWORK,
        prepare: pingpong,
    },
];

const PACKET_BYTES: usize = 16;

/// Work of the slow reader for one packet.
const READER_ROUNDS: u32 = 50_000;

/// Longest wait for a packet: then the thread looks at the stop flag.
const PACKET_LIMIT: Duration = Duration::from_millis(50);

/// A network namespace for this process, with its loopback up. Must come before the threads.
pub(super) fn own_network() -> anyhow::Result<()> {
    // SAFETY: takes a number; there is one thread so far.
    sys::done(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map_err(|err| {
        Missing::because(
            &err,
            "a network namespace of its own cannot be made",
            "run it as root (CAP_SYS_ADMIN), on a kernel with CONFIG_NET_NS",
        )
    })?;
    let socket = {
        // SAFETY: takes numbers.
        let rc = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
        sys::own_fd(rc).context("failed to make a socket")?
    };
    // SAFETY: made of integers, for which zero is valid.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the socket is open, the kernel reads a live local.
    sys::done(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })
        .context("failed to bring up the loopback of the new network namespace")
        .map(drop)
}

pub(super) fn socket() -> anyhow::Result<UdpSocket> {
    let socket =
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to bind a UDP socket")?;
    socket.set_read_timeout(Some(PACKET_LIMIT))?;
    Ok(socket)
}

fn sender_to(target: &UdpSocket) -> anyhow::Result<UdpSocket> {
    let sender = socket()?;
    sender.connect(target.local_addr()?)?;
    sender.set_nonblocking(true)?;
    Ok(sender)
}

fn send(sender: &UdpSocket) -> io::Result<u64> {
    match sender.send(&[0; PACKET_BYTES]) {
        // The reader is gone at the end.
        Err(err) if err.kind() == io::ErrorKind::ConnectionRefused => Ok(0),
        result => sys::tried(result),
    }
}

fn flood(_: &Plan) -> anyhow::Result<Work> {
    own_network()?;
    let target = Arc::new(socket()?);
    Work::by_thread(move |_| {
        let sender = sender_to(&target)?;
        plan::counted(move || send(&sender))
    })
}

/// Counts what the reader gets, not what is sent.
fn slow_reader(plan: &Plan) -> anyhow::Result<Work> {
    plan.at_least(2)?;
    own_network()?;
    let target = Arc::new(socket()?);
    Work::by_thread(move |index| {
        if index == 0 {
            let target = Arc::clone(&target);
            return plan::counted(move || {
                let nr_received = sys::tried(target.recv(&mut [0; PACKET_BYTES]))?;
                burn_rounds(READER_ROUNDS);
                Ok(nr_received)
            });
        }
        let sender = sender_to(&target)?;
        plan::counted(move || send(&sender).map(|_| 0))
    })
}

fn pingpong(_: &Plan) -> anyhow::Result<Work> {
    own_network()?;
    Work::by_thread(|_| {
        let socket = socket()?;
        socket.connect(socket.local_addr()?)?;
        plan::counted(move || {
            send(&socket)?;
            sys::tried(socket.recv(&mut [0; PACKET_BYTES]))
        })
    })
}
