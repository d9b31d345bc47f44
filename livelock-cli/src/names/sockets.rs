//! Which connection a socket is.
//!
//! In: a `struct sock` in the kernel's memory. Out: protocol and addresses, as `ss` prints them. Refuses: families without
//! ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::objects::{Memory, Objects};

/// Address families (`include/linux/socket.h`).
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// A socket's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    protocol: u16,
    local: SocketAddr,
    peer: SocketAddr,
}

/// What the socket at `sock` is.
pub(super) fn describe<M: Memory>(objects: &Objects<M>, sock: u64) -> Option<String> {
    let common = |member: &str| format!("__sk_common.{member}");
    let short = |member: &str| Some(u16::from_ne_bytes(objects.read(sock, "sock", member)?));
    let v4 = |member| {
        let bytes: [u8; 4] = objects.read(sock, "sock", &common(member))?;
        Some(IpAddr::V4(Ipv4Addr::from(bytes)))
    };
    let v6 = |member| {
        let bytes: [u8; 16] = objects.read(sock, "sock", &common(member))?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    let (local, peer) = match short(&common("skc_family"))? {
        AF_INET => (v4("skc_rcv_saddr")?, v4("skc_daddr")?),
        AF_INET6 => (v6("skc_v6_rcv_saddr")?, v6("skc_v6_daddr")?),
        _ => return None,
    };
    let ends = Ends {
        protocol: short("sk_protocol")?,
        local: SocketAddr::new(local, short(&common("skc_num"))?),
        peer: SocketAddr::new(peer, u16::from_be(short(&common("skc_dport"))?)),
    };
    Some(ends.to_string())
}

impl std::fmt::Display for Ends {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match i32::from(self.protocol) {
            libc::IPPROTO_TCP => write!(to, "TCP")?,
            libc::IPPROTO_UDP => write!(to, "UDP")?,
            other => write!(to, "protocol {other}")?,
        }
        write!(to, " {}", self.local)?;
        if self.peer.port() != 0 {
            write!(to, " to {}", self.peer)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_printed_as_they_are_typed() {
        let ends = |protocol, local: &str, peer: &str| Ends {
            protocol,
            local: local.parse().unwrap(),
            peer: peer.parse().unwrap(),
        };
        let tcp = ends(6, "127.0.0.1:8080", "127.0.0.1:50122");
        assert_eq!(tcp.to_string(), "TCP 127.0.0.1:8080 to 127.0.0.1:50122");
        assert_eq!(ends(17, "[::]:53", "[::]:0").to_string(), "UDP [::]:53");
        let other = ends(132, "10.0.0.1:9", "0.0.0.0:0");
        assert_eq!(other.to_string(), "protocol 132 10.0.0.1:9");
    }
}
