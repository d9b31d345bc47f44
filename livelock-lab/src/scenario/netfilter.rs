//! One table with one chain and one rule, put into the network namespace of this process.
//!
//! In: the expression of the rule. Out: packets that this process sends pass it. Refuses: to run programs for it, which a small
//! guest does not have. Formats and numbers: `include/uapi/linux/netlink.h`, `netfilter/nfnetlink.h` and
//! `netfilter/nf_tables.h` of Linux 6.1.

use std::io;
use std::os::fd::OwnedFd;

use crate::needs::Missing;
use crate::sys::{self, own_fd};

/// Kernel modules of a rule that looks at the state of connections; those that these depend on come with them.
pub(super) const MODULES_TO_TRACK: &[&str] = &["nf_tables", "nft_ct"];

/// The same of a rule that counts connections.
pub(super) const MODULES_TO_COUNT: &[&str] = &["nf_tables", "nft_connlimit"];

/// More connections than there can be, so that nothing is dropped for it.
const MOST_CONNECTIONS: libc::c_int = libc::c_int::MAX;

const TABLE: &[u8] = b"livelock-lab\0";
const CHAIN: &[u8] = b"output\0";

/// Attributes of the messages that are sent.
mod attribute {
    pub(super) const TABLE_NAME: u16 = 1;
    pub(super) const CHAIN_TABLE: u16 = 1;
    pub(super) const CHAIN_NAME: u16 = 3;
    pub(super) const CHAIN_HOOK: u16 = 4;
    pub(super) const CHAIN_TYPE: u16 = 7;
    pub(super) const HOOK_NUMBER: u16 = 1;
    pub(super) const HOOK_PRIORITY: u16 = 2;
    pub(super) const RULE_TABLE: u16 = 1;
    pub(super) const RULE_CHAIN: u16 = 2;
    pub(super) const RULE_EXPRESSIONS: u16 = 4;
    pub(super) const LIST_ELEMENT: u16 = 1;
    pub(super) const EXPRESSION_NAME: u16 = 1;
    pub(super) const EXPRESSION_DATA: u16 = 2;
    pub(super) const CT_TO_REGISTER: u16 = 1;
    pub(super) const CT_KEY: u16 = 2;
    pub(super) const COUNT_LIMIT: u16 = 1;
}

/// `NLA_F_NESTED`.
const NESTED: u16 = 1 << 15;

/// Sizes of `struct nlmsghdr` and `struct nlattr`.
const MESSAGE_HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// Longest wait for an answer, which comes within milliseconds unless modules are loaded for it.
const ANSWER_WITHIN_MS: libc::c_int = 10_000;

/// Room for the answers: a message of some hundred bytes has answers of as many.
const ANSWER_BYTES: usize = 4096;

/// Has the state of each connection looked up (`ct state`), which switches tracking on in this namespace.
pub(super) fn track_connections() -> anyhow::Result<()> {
    let mut data = number(attribute::CT_TO_REGISTER, libc::NFT_REG_1);
    data.extend(number(attribute::CT_KEY, libc::NFT_CT_STATE));
    set_up(&expression(b"ct\0", &data)).map_err(|err| {
        lacking(
            &err,
            "load the modules nf_tables and nft_ct (modprobe), on a kernel with CONFIG_NFT_CT",
        )
    })
}

/// Has all connections counted (`ct count`), which switches tracking on as well.
pub(super) fn count_connections() -> anyhow::Result<()> {
    let data = number(attribute::COUNT_LIMIT, MOST_CONNECTIONS);
    set_up(&expression(b"connlimit\0", &data)).map_err(|err| {
        lacking(
            &err,
            "load the modules nf_tables and nft_connlimit (modprobe), on a kernel with CONFIG_NFT_CONNLIMIT",
        )
    })
}

fn lacking(err: &io::Error, remedy: &'static str) -> anyhow::Error {
    Missing::because(err, "a rule about connections cannot be made", remedy).into()
}

fn expression(name: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = flat(attribute::EXPRESSION_NAME, name);
    bytes.extend(nested(attribute::EXPRESSION_DATA, data));
    bytes
}

/// Asks for all of it at once: the kernel takes everything or nothing.
fn set_up(expression: &[u8]) -> io::Result<()> {
    let batch = |kind| message(kind, 0, libc::AF_UNSPEC, libc::NFNL_SUBSYS_NFTABLES, &[]);
    let ours = |kind, attributes: &[u8]| {
        let kind = (libc::NFNL_SUBSYS_NFTABLES << 8) | kind;
        let flags = libc::NLM_F_CREATE | libc::NLM_F_APPEND | libc::NLM_F_ACK;
        message(kind, flags, libc::NFPROTO_IPV4, 0, attributes)
    };
    let table = flat(attribute::TABLE_NAME, TABLE);

    let mut hook = number(attribute::HOOK_NUMBER, libc::NF_INET_LOCAL_OUT);
    hook.extend(number(attribute::HOOK_PRIORITY, libc::NF_IP_PRI_FILTER));
    let mut chain = flat(attribute::CHAIN_TABLE, TABLE);
    chain.extend(flat(attribute::CHAIN_NAME, CHAIN));
    chain.extend(nested(attribute::CHAIN_HOOK, &hook));
    chain.extend(flat(attribute::CHAIN_TYPE, b"filter\0"));

    let mut rule = flat(attribute::RULE_TABLE, TABLE);
    rule.extend(flat(attribute::RULE_CHAIN, CHAIN));
    let element = nested(attribute::LIST_ELEMENT, expression);
    rule.extend(nested(attribute::RULE_EXPRESSIONS, &element));

    let wanted = [
        ours(libc::NFT_MSG_NEWTABLE, &table),
        ours(libc::NFT_MSG_NEWCHAIN, &chain),
        ours(libc::NFT_MSG_NEWRULE, &rule),
    ];
    let nr_answers = wanted.len();
    let mut request = batch(libc::NFNL_MSG_BATCH_BEGIN);
    request.extend(wanted.concat());
    request.extend(batch(libc::NFNL_MSG_BATCH_END));

    let socket = socket()?;
    sys::write(&socket, &request)?;
    let mut nr_heard = 0;
    while nr_heard < nr_answers {
        if !sys::poll_in(&socket, ANSWER_WITHIN_MS)? {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the kernel does not answer",
            ));
        }
        let mut answers = [0; ANSWER_BYTES];
        let nr_bytes = sys::read(&socket, &mut answers)?;
        nr_heard += heard(answers.get(..nr_bytes).unwrap_or_default())?;
    }
    Ok(())
}

fn socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes numbers.
    own_fd(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_NETFILTER) })
}

/// Acknowledgements in what the kernel answered, or the first error.
fn heard(mut answers: &[u8]) -> io::Result<usize> {
    let mut nr_heard = 0;
    let word = |bytes: &[u8], at: usize| -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    while let Some(length_bytes) = word(answers, 0) {
        let length_bytes = length_bytes as usize;
        let message = answers
            .get(..length_bytes)
            .filter(|message| message.len() >= MESSAGE_HEADER_BYTES)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an answer is cut short"))?;
        // All answers here are of NLMSG_ERROR, whose first word is an errno, negative; 0 acknowledges.
        match word(message, MESSAGE_HEADER_BYTES) {
            Some(0) => nr_heard += 1,
            Some(code) => {
                return Err(io::Error::from_raw_os_error(
                    code.cast_signed().saturating_neg(),
                ));
            }
            None => {}
        }
        answers = answers.get(padded(length_bytes)..).unwrap_or_default();
    }
    Ok(nr_heard)
}

const fn padded(nr_bytes: usize) -> usize {
    nr_bytes.next_multiple_of(4)
}

/// A netlink message with the header that netfilter's have.
fn message(
    kind: libc::c_int,
    flags: libc::c_int,
    family: libc::c_int,
    resource: libc::c_int,
    attributes: &[u8],
) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(u16_of(kind).to_ne_bytes());
    body.extend(u16_of(libc::NLM_F_REQUEST | flags).to_ne_bytes());
    // Sequence and port: one request, whose answers need not be told apart.
    body.extend([0; 8]);
    // One byte each.
    body.extend(family.to_le_bytes().into_iter().take(1));
    body.extend(libc::NFNETLINK_V0.to_le_bytes().into_iter().take(1));
    body.extend(u16_of(resource).to_be_bytes());
    body.extend(attributes);
    let length_bytes = u32::try_from(4 + body.len()).unwrap_or(u32::MAX);
    [length_bytes.to_ne_bytes().as_slice(), &body].concat()
}

/// The numbers of these interfaces are below 2^16.
fn u16_of(number: libc::c_int) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// An attribute of bytes.
fn flat(kind: u16, value: &[u8]) -> Vec<u8> {
    let length_bytes = ATTRIBUTE_HEADER_BYTES + value.len();
    let mut bytes = Vec::new();
    bytes.extend(
        u16::try_from(length_bytes)
            .unwrap_or(u16::MAX)
            .to_ne_bytes(),
    );
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(padded(length_bytes), 0);
    bytes
}

/// An attribute of attributes.
fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
    flat(NESTED | kind, value)
}

/// A number, as netfilter has them: in network order.
fn number(kind: u16, value: libc::c_int) -> Vec<u8> {
    flat(kind, &value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_say_their_length_without_what_fills_them_up() {
        assert_eq!(flat(3, b"ct\0"), [7, 0, 3, 0, b'c', b't', 0, 0]);
        let outer = nested(2, &number(1, 5));
        assert_eq!(outer, [12, 0, 2, 0x80, 8, 0, 1, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn a_message_begins_with_its_length() {
        let bytes = message(0x0a03, libc::NLM_F_ACK, libc::NFPROTO_IPV4, 10, &[9; 4]);
        assert_eq!(bytes.len(), 24);
        assert_eq!(bytes[..8], [24, 0, 0, 0, 3, 10, 5, 0]);
        assert_eq!(bytes[16..], [2, 0, 0, 10, 9, 9, 9, 9]);
    }

    #[test]
    fn the_first_error_is_the_answer() {
        let answer = |code: i32| {
            let mut bytes = vec![36, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            bytes.extend(code.to_ne_bytes());
            bytes.resize(36, 0);
            bytes
        };
        assert_eq!(heard(&[answer(0), answer(0)].concat()).unwrap(), 2);
        let refused = heard(&[answer(0), answer(-libc::ENOENT)].concat()).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ENOENT));
        assert!(heard(&answer(0)[..20]).is_err());
        assert_eq!(heard(&[]).unwrap(), 0);
    }
}
