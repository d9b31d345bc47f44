//! Which connection a socket is.
//!
//! In: a `struct sock` or `unix_sock` in the kernel's memory. Out: protocol and addresses, or path and inode, as `ss` prints them.
//! Refuses: families without either, sockets whose owner does not know them, and protocols without a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::objects::{Memory, Objects};

/// Address families (`include/linux/socket.h`).
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `proto.name` (`include/net/sock.h`, v6.1 to v7.3).
const MAX_PROTOCOL_BYTES: usize = 32;
/// `sockaddr_un`: the family before the path, and the longest path.
const FAMILY_BYTES: u64 = 2;
const MAX_PATH_BYTES: usize = 108;

/// A socket's ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ends {
    protocol: String,
    local: SocketAddr,
    peer: SocketAddr,
}

/// What the socket at `sock` is. Its addresses are those of its network namespace, whichever that is.
pub(super) fn describe<M: Memory>(objects: &Objects<M>, sock: u64) -> Option<String> {
    let short = |member| Some(u16::from_ne_bytes(objects.read(sock, "sock", member)?));
    let v4 = |member| {
        let bytes: [u8; 4] = objects.read(sock, "sock", member)?;
        Some(IpAddr::V4(Ipv4Addr::from(bytes)))
    };
    let v6 = |member| {
        let bytes: [u8; 16] = objects.read(sock, "sock", member)?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    // Sockets that wait to be accepted, or that linger, have no owner.
    let owner = objects.word(sock, "sock", "sk_socket")?;
    if owner != 0 && objects.word(owner, "socket", "sk")? != sock {
        return None;
    }
    let (local, peer) = match short("__sk_common.skc_family")? {
        AF_INET => (
            v4("__sk_common.skc_rcv_saddr")?,
            v4("__sk_common.skc_daddr")?,
        ),
        AF_INET6 => (
            v6("__sk_common.skc_v6_rcv_saddr")?,
            v6("__sk_common.skc_v6_daddr")?,
        ),
        _ => return None,
    };
    let protocol = objects.word(sock, "sock", "__sk_common.skc_prot")?;
    let name = protocol.checked_add(objects.offset("proto", "name")?)?;
    let ends = Ends {
        protocol: objects.text(name, MAX_PROTOCOL_BYTES)?,
        local: SocketAddr::new(local, short("__sk_common.skc_num")?),
        peer: SocketAddr::new(peer, u16::from_be(short("__sk_common.skc_dport")?)),
    };
    Some(ends.to_string())
}

/// What the socket of this host at `sock`, a `struct unix_sock`, is: its address, if it has one, and its inode, by which `ss -x` and
/// `/proc/PID/fd` name it. One that waits to be accepted has no inode, and is nobody's.
pub(super) fn local<M: Memory>(objects: &Objects<M>, sock: u64) -> Option<String> {
    let family = objects.read(sock, "sock", "__sk_common.skc_family")?;
    let owner = objects.word(sock, "sock", "sk_socket")?;
    let is_its = owner != 0 && objects.word(owner, "socket", "sk")? == sock;
    if u16::from_ne_bytes(family) != AF_UNIX || !is_its {
        return None;
    }
    let around = owner.checked_sub(objects.offset("socket_alloc", "socket")?)?;
    let inode = around.checked_add(objects.offset("socket_alloc", "vfs_inode")?)?;
    let number = objects.word(inode, "inode", "i_ino")?;
    let address = objects.word(sock, "unix_sock", "addr")?;
    let name = (address != 0).then(|| bound_to(objects, address)).flatten();
    let name = name.map_or_else(String::new, |name| format!(" {name}"));
    Some(format!("unix socket{name} (inode {number})"))
}

/// The name in a `struct unix_address`: a path, or after `@` one without a file.
fn bound_to<M: Memory>(objects: &Objects<M>, address: u64) -> Option<String> {
    let len = objects.int(address, "unix_address", "len")?;
    let path = address
        .checked_add(objects.offset("unix_address", "name")?)?
        .checked_add(FAMILY_BYTES)?;
    let path_len = usize::try_from(u64::from(len).checked_sub(FAMILY_BYTES)?).ok()?;
    let bytes = objects.bytes(path, path_len.min(MAX_PATH_BYTES))?;
    let (mark, name) = match bytes.split_first()? {
        (0, name) => ("@", name),
        _ => ("", bytes.as_slice()),
    };
    let end = name.iter().position(|&byte| byte == 0);
    let name = std::str::from_utf8(name.get(..end.unwrap_or(name.len()))?).ok()?;
    let is_text = !name.is_empty() && name.chars().all(|char| char.is_ascii_graphic());
    is_text.then(|| format!("{mark}{name}"))
}

impl std::fmt::Display for Ends {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} {}", self.protocol, self.local)?;
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
        let ends = |protocol: &str, local: &str, peer: &str| Ends {
            protocol: protocol.to_owned(),
            local: local.parse().unwrap(),
            peer: peer.parse().unwrap(),
        };
        let tcp = ends("TCP", "127.0.0.1:8080", "127.0.0.1:50122");
        assert_eq!(tcp.to_string(), "TCP 127.0.0.1:8080 to 127.0.0.1:50122");
        let udp = ends("UDPv6", "[::]:53", "[::]:0");
        assert_eq!(udp.to_string(), "UDPv6 [::]:53");
    }
}
