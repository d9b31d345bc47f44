//! Programs that poll on purpose, as packet processing and storage do.
//!
//! In: a plan. Out: threads, or threads of the kernel, that look for work without sleeping. Refuses:
//! to call that a fault; what they wait for comes now and then, and they take it.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::scenario::uring::PolledRing;
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "poll-socket",
        description: "read a socket that would block, without end: a busy-polling server",
        class: Class::LegitimatePolling,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: poll_socket,
    },
    Scenario {
        name: "poll-zero",
        description: "poll a connection with a timeout of 0, without end",
        class: Class::LegitimatePolling,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: poll_zero,
    },
    Scenario {
        name: "uring-sqpoll",
        description: "io_uring with a thread of the kernel that polls the submissions: busy in the kernel on purpose",
        class: Class::LegitimatePolling,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs {
            io_uring: true,
            ..Needs::NOTHING
        },
        prepare: uring_sqpoll,
    },
];

/// Polls between two packets that a poller sends itself.
const NR_POLLS_PER_PACKET: u32 = 1_000;

/// Between two submissions to a polling thread of the kernel.
const SUBMISSION_PERIOD: Duration = Duration::from_millis(1);

fn poll_socket(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let socket =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to bind a UDP socket")?;
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        let mut nr_polls = 0;
        plan::op(move || {
            nr_polls += 1;
            if nr_polls % NR_POLLS_PER_PACKET == 0 {
                sys::tried(socket.send(&[0]))?;
            }
            sys::tried(socket.recv(&mut [0])).map(drop)
        })
    })
}

fn poll_zero(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to listen on 127.0.0.1")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        plan::op(move || {
            let _server = &server;
            sys::poll_in(&client, 0).map(drop)
        })
    })
}

fn uring_sqpoll(_: &Plan) -> anyhow::Result<Work> {
    PolledRing::new().map_err(|err| {
        Missing::because(
            &err,
            "an io_uring with a polling thread cannot be made",
            "run it as root, with kernel.io_uring_disabled=0",
        )
    })?;
    Work::by_thread(|_| {
        let mut ring = PolledRing::new().context("failed to make an io_uring")?;
        plan::counted(move || {
            ring.submit_nothing()?;
            thread::sleep(SUBMISSION_PERIOD);
            Ok(ring.reap())
        })
    })
}
