//! Parts of a made-up lock: a holder of which all is known, and hand-offs.
//!
//! In: nothing. Out: what [`super::specimen`] puts together. Refuses: to be what any host said.

use livelock_core::ids::{CpuId, Tgid};
use livelock_core::topology::Distance;
use livelock_core::verdict::*;

use super::specimen::side;

/// In a pod, with all that may be known of a holder.
pub(super) fn holder() -> LockSide {
    let known = |source, nr, share_pct| KnownBy {
        source,
        nr,
        share_pct,
    };
    LockSide {
        cgroup: Some("/kubepods/burstable/pod0b5e0c57/4f2d1c3b5a69788796".to_owned()),
        container_id: Some("4f2d1c3b5a69788796a5b4c3d2e1f00f".to_owned()),
        pod_uid: Some("0b5e0c57-6f4d-4a8e-9d5f-1c2b3a4d5e6f".to_owned()),
        known_by: vec![
            known(HolderSource::SampledOnCpu, 61, 12.9),
            known(HolderSource::LastAcquirer, 412, 87.1),
        ],
        confidence: Some(Confidence::High),
        doing: Some("filp_flush".to_owned()),
        not_running: Some(NotRunning {
            why: Hindrance::Softirq,
            share_pct: 23.0,
            instead: Some("net_rx_action".to_owned()),
        }),
        ..side(
            64.0,
            4712,
            &["close_fd+0x11", "__x64_sys_close+0x9", "do_syscall_64+0x5d"],
        )
    }
}

/// A program with debug information, by way of the C library.
pub(super) fn user_stacks() -> Vec<UserStack> {
    vec![UserStack {
        share_pct: 81.0,
        nr_samples: 334,
        tgid: Tgid(4711),
        frames: vec![
            "dup+0xb (libc.so.6)".to_owned(),
            "take_order+0x9 (orders) at orders.c:7".to_owned(),
        ],
    }]
}

/// Between sockets, for the most part.
pub(super) fn handoffs() -> Handoffs {
    let class = |distance, nr, transfer_ns| HandoffClass {
        distance: Some(distance),
        nr,
        share_pct: 100.0 * nr as f64 / 290.0,
        transfer_ns: Some(transfer_ns),
    };
    let pair = |from, to, nr| HandoffPair {
        from: CpuId(from),
        to: CpuId(to),
        nr,
    };
    Handoffs {
        nr: 290,
        pairs: vec![pair(0, 4, 200), pair(4, 0, 60), pair(0, 0, 20)],
        nr_unlisted: 10,
        classes: vec![
            class(Distance::SameCpu, 20, 0.0),
            class(Distance::SharedL3, 10, 61.5),
            class(Distance::OtherNode, 260, 180.0),
        ],
        bounce_share_pct: Some(4.2),
        not_measured: None,
    }
}
