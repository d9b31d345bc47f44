//! Connection tracking: packets each of which is a connection of its own.
//!
//! In: a plan. Out: threads that send and read packets inside a network namespace of their own. Refuses: the machine's own
//! network and its rules; the namespace ends with the process.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::scenario::netfilter;
use crate::scenario::network::{OWN_NETWORK, own_network, socket};
use crate::sys::{self, is_errno, own_fd};

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "conntrack-count",
        description: "each packet is a connection, and a rule counts them: in one list, which is walked with its lock held",
        class: Class::Conntrack,
        expected_status: Status::Livelock,
        // Each packet is delivered in the end.
        kind: Kind::Boundary,
        needs: Needs {
            kernel_modules: netfilter::MODULES_TO_COUNT,
            ..OWN_NETWORK
        },
        prepare: counted_connections,
    },
    Scenario {
        name: "conntrack-new",
        description: "each packet is a connection to track, at the table's own pace: all are delivered",
        class: Class::KernelWork,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs {
            kernel_modules: netfilter::MODULES_TO_TRACK,
            ..OWN_NETWORK
        },
        prepare: new_connections,
    },
];

/// Sizes of the headers of IPv4 without options and of UDP.
const IP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;
const PAYLOAD_BYTES: usize = 16;
const PACKET_BYTES: usize = IP_BYTES + UDP_BYTES + PAYLOAD_BYTES;

/// Hops that a packet may take.
const TTL: u8 = 64;

/// An odd number near 2^32 divided by the golden ratio: its multiples visit all addresses, far from each other.
const STRIDE: u32 = 0x9e37_79b1;

fn counted_connections(_: &Plan) -> anyhow::Result<Work> {
    own_network()?;
    netfilter::count_connections()?;
    packets()
}

fn new_connections(_: &Plan) -> anyhow::Result<Work> {
    own_network()?;
    netfilter::track_connections()?;
    packets()
}

/// Each thread sends packets to itself, and reads them.
fn packets() -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let reader = socket()?;
        let sender = raw_socket().context("failed to make a raw socket")?;
        let mut sent = 0_u32;
        plan::counted(move || {
            sent = sent.wrapping_add(1);
            match send(&sender, &reader, sent.wrapping_mul(STRIDE)) {
                // Netfilter drops what it has no room for.
                Err(err) if is_errno(&err, libc::EPERM) || is_errno(&err, libc::ENOMEM) => Ok(0),
                sent => {
                    sent?;
                    sys::tried(reader.recv(&mut [0; PAYLOAD_BYTES]))
                }
            }
        })
    })
}

fn raw_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes numbers.
    own_fd(unsafe { libc::socket(libc::AF_INET, kind, libc::IPPROTO_RAW) })
}

/// One packet to `reader`, from the address and port that `from` stands for.
fn send(sender: &OwnedFd, reader: &UdpSocket, from: u32) -> io::Result<()> {
    let to_port = reader.local_addr()?.port();
    let packet = packet(from, to_port);
    let mut to: libc::sockaddr_in = {
        // SAFETY: made of integers, for which zero is valid.
        unsafe { std::mem::zeroed() }
    };
    to.sin_family = libc::AF_INET as libc::sa_family_t;
    to.sin_addr.s_addr = u32::from(Ipv4Addr::LOCALHOST).to_be();
    // SAFETY: the kernel reads a live packet and a live address, both of the lengths that are told.
    let rc = unsafe {
        libc::sendto(
            sender.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            0,
            (&raw const to).cast(),
            size_of_val(&to) as libc::socklen_t,
        )
    };
    sys::done(rc).map(drop)
}

/// A UDP packet. The upper half of `from` is part of its sender's address in 127.0.0.0/8, the lower half its port. The kernel
/// fills in the checksum of the IP header; a UDP checksum of 0 is none.
fn packet(from: u32, to_port: u16) -> [u8; PACKET_BYTES] {
    let [host_high, host_low, port_high, port_low] = from.to_be_bytes();
    let length = |nr_bytes: usize| (nr_bytes as u16).to_be_bytes();
    let [total_high, total_low] = length(PACKET_BYTES);
    let [udp_high, udp_low] = length(PACKET_BYTES - IP_BYTES);
    let [to_high, to_low] = to_port.to_be_bytes();
    // Version 4 with five words of header; never host 0 or port 0, which belong to nobody.
    let header = [
        0x45,
        0,
        total_high,
        total_low,
        0,
        0,
        0,
        0,
        TTL,
        libc::IPPROTO_UDP as u8,
        0,
        0,
        127,
        1,
        host_high,
        host_low | 1,
        127,
        0,
        0,
        1,
        port_high | 0x10,
        port_low,
        to_high,
        to_low,
        udp_high,
        udp_low,
        0,
        0,
    ];
    let mut packet = [0; PACKET_BYTES];
    for (to, from) in packet.iter_mut().zip(header) {
        *to = from;
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_the_lengths_and_addresses_that_it_should() {
        let bytes = packet(0x0203_0405, 0x1234);
        assert_eq!(bytes[..4], [0x45, 0, 0, 44]);
        assert_eq!(bytes[8..10], [64, 17]);
        assert_eq!(bytes[12..20], [127, 1, 2, 3, 127, 0, 0, 1]);
        assert_eq!(bytes[20..28], [0x14, 0x05, 0x12, 0x34, 0, 24, 0, 0]);
    }

    #[test]
    fn the_first_thousands_of_senders_differ() {
        let senders: std::collections::HashSet<_> = (1..50_000_u32)
            .map(|sent| packet(sent.wrapping_mul(STRIDE), 1)[12..22].to_vec())
            .collect();
        assert!(senders.len() > 45_000, "{}", senders.len());
    }
}
