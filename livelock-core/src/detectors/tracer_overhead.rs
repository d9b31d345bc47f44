//! This tool, or another tracer.
//!
//! In: what this tool costs, samples in tracing functions. Out: a detection. Refuses: tracing that costs next to
//! nothing, be it all that an idle host does.

use super::facts::{Facts, sampled, signal};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::TracerOverhead,
    &[
    ],
    &[
        "bpf_prog_*", "trace_call_bpf", "bpf_trace_run*", "__bpf_prog_enter*",
        "__bpf_prog_exit*", "bpf_get_stack*", "perf_trace_*", "perf_event_output*",
        "__perf_event_overflow", "perf_swevent_*", "get_perf_callchain", "ftrace_*",
        "function_trace_call", "kprobe_ftrace_handler", "kprobe_int3_handler", "kprobe_handler", "uprobe_*",
        "trace_event_buffer_*", "ring_buffer_lock_reserve", "audit_*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "stop the other tracers (bpftool prog, perf, audit rules), or let them sample",
        "each event of a hot path pays for every program attached to it",
        "what they show",
        "bpftool prog; sysctl kernel.bpf_stats_enabled=1; auditctl -l",
    ),
    (
        "if it is this tool: a longer --window, or --duration only as long as needed",
        "the cost of this tool is printed under `own cost`",
        "later answers",
        "livelock diagnose",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let sampled_share = facts
        .samples(detector.class)
        .map_or(0.0, |samples| facts.of_samples(samples.nr));
    let busy = facts.books.occupied_share().unwrap_or(1.0).max(0.01);
    let own = facts.self_pct / 100.0 / busy;
    let share = sampled_share.max(own).min(1.0);
    // On an idle host the tool that looks is most of what runs.
    if share < at::TRACER_SHARE || share * busy < at::CONTENDED_MIN_BURN {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![
            sampled(facts, "tracing programs", sampled_share, at::TRACER_SHARE),
            signal(
                "own_cost",
                (facts.self_pct, "%"),
                Some(at::SELF_BUDGET_PCT),
                EvidenceSource::Sampler,
                format!("this tool costs {:.1} % of all CPUs", facts.self_pct),
            ),
        ],
        summary: format!(
            "tracing takes {:.0} % of busy time, this tool {:.1} % of all CPUs",
            100.0 * share,
            facts.self_pct
        ),
    })
}
