//! Where the time went and what came of it.

use livelock_core::declared::DeclaredState;
use livelock_core::thresholds::THROTTLED_THREADS;
use livelock_core::verdict::{ProgressState, SyscallReport, Verdict, errno_name};

use super::Page;
use crate::render::Tint;
use crate::render::units::{amount, clean, duration, pct};

/// Columns before a bar.
const BEFORE_BAR: usize = 28;
/// Spin in percent of all CPUs under which nobody asks what part of it was traced.
const MIN_SPIN_PCT: f64 = 1.0;
/// System calls that failed, in the text; the document has more.
const NR_FAILING: usize = 3;
/// Time in percent of all CPUs under which an interrupt is not worth a word.
const MIN_INTERRUPT_PCT: f64 = 0.5;
/// Time in percent of all CPUs under which what overlaps the rows is not worth a line.
const MIN_OVERLAP_PCT: f64 = 0.5;
/// Columns of a bar of 100 %, at most.
const MAX_BAR: usize = 40;

pub(super) fn write(page: &mut Page, verdict: &Verdict) {
    let time = &verdict.time;
    page.heading(if verdict.scope.is_of_tasks() {
        "Time, in percent of the CPUs that the scope could use"
    } else {
        "Time, in percent of all CPUs"
    });
    let mut rows = vec![
        ("idle", time.idle_pct),
        ("user", time.user_pct),
        ("kernel work", time.kernel_pct),
        ("spin, traced", time.traced_spin_pct),
        ("spin, sampled", time.untraced_spin_pct),
        ("hardirq", time.hardirq_pct),
        ("softirq", time.softirq_pct),
        ("steal", time.steal_pct),
        ("this tool", time.own_pct),
    ];
    // Most hosts have none of it.
    for (name, value) in [
        ("vain faults", time.vain_fault_pct),
        ("vain retries", time.vain_retry_pct),
        ("vain reclaim", time.vain_reclaim_pct),
        ("vain receive", time.vain_receive_pct),
    ] {
        if value.is_some_and(|pct| pct > 0.0) {
            rows.push((name, value));
        }
    }
    let full = page
        .style()
        .width_columns()
        .saturating_sub(BEFORE_BAR)
        .min(MAX_BAR);
    for (name, value) in rows {
        let bar = "#".repeat(columns(value.unwrap_or(0.0), full));
        page.line(&format!("  {name:<14} {:>8}  {bar}", pct(value)));
    }
    // These overlap the rows.
    for (what, value) in [
        (
            "of the time is idle by polling, as samples tell",
            time.polling_idle_pct,
        ),
        (
            "of the time is idle in waiters for locks that gave their CPU back to the hypervisor, as samples tell",
            time.halted_waiters_pct,
        ),
        ("of the time lost its ticks", time.lost_ticks_pct),
    ] {
        if value.is_some_and(|pct| pct >= MIN_OVERLAP_PCT) {
            page.line(&format!("  {} {what}", pct(value)));
        }
    }
    if time.lost_ticks_pct.is_none() && !verdict.scope.is_of_tasks() {
        page.line("  how many ticks were lost is unknown");
    }
    let spin_pct = time.traced_spin_pct.unwrap_or(0.0) + time.untraced_spin_pct.unwrap_or(0.0);
    if let Some(coverage) = time.coverage_pct.filter(|_| spin_pct >= MIN_SPIN_PCT) {
        page.line(&format!(
            "  the tracepoints saw {coverage:.1} % of the spinning"
        ));
    }
    if let Some(error) = time.sampling_error_pct {
        page.line(&format!(
            "  shares told by samples are good to {error:.1} points"
        ));
    }
    write_progress(page, verdict);
    write_activity(page, verdict);
}

/// How many of `full` columns `value_pct` fills.
fn columns(value_pct: f64, full: usize) -> usize {
    let share = value_pct.clamp(0.0, 100.0) / 100.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and MAX_BAR; NaN casts to 0"
    )]
    let columns = (share * full as f64).round() as usize;
    columns
}

fn write_progress(page: &mut Page, verdict: &Verdict) {
    let progress = &verdict.progress;
    page.heading("Progress");
    let (word, tint) = match progress.state {
        ProgressState::Normal => ("normal", Tint::Good),
        ProgressState::Collapsed => ("collapsed", Tint::Bad),
        ProgressState::Stalled => ("stalled", Tint::Bad),
        ProgressState::Unknown => ("unknown", Tint::Warn),
    };
    let painted = page.style().paint(tint, word);
    page.line(&format!("  {painted}"));
    page.item("  ", &progress.reason);
    for source in &progress.declared {
        let (word, tint) = match source.state {
            DeclaredState::KeepsPace => ("keeps pace", Tint::Good),
            DeclaredState::Collapsed => ("collapsed", Tint::Bad),
            DeclaredState::Stalled => ("stalled", Tint::Bad),
            DeclaredState::Unknown => ("unknown", Tint::Warn),
        };
        let rate = source.rate_per_sec.map_or_else(
            || "no rate".to_owned(),
            |rate| format!("{}/s", amount(rate)),
        );
        let expected = source
            .expectation
            .as_ref()
            .map_or_else(String::new, |rule| format!(", expected {rule}"));
        let text = format!(
            "{} {word}: {rate}{expected}; {}",
            clean(&source.name),
            clean(&source.reason)
        );
        page.painted_item("  - ", &text, Some(tint));
    }
    if let Some(tokens) = progress.tokens_per_busy_sec {
        let baseline = progress.baseline_tokens_per_busy_sec.map_or_else(
            || "no baseline".to_owned(),
            |pi0| format!("baseline {}", amount(pi0)),
        );
        let tokens = amount(tokens);
        page.item(
            "  ",
            &format!("{tokens} tokens per busy CPU-second ({baseline})"),
        );
    }
    if let Some(slope) = progress.throughput_slope {
        let (verb, by) = if slope < 0.0 {
            ("costs", -slope)
        } else {
            ("brings", slope)
        };
        page.item(
            "  ",
            &format!("one busy CPU more {verb} {} tokens a second", amount(by)),
        );
    }
    let sources: Vec<String> = progress
        .tokens_per_sec
        .iter()
        .map(|(source, rate)| format!("{} {}/s", clean(source), amount(*rate)))
        .collect();
    if !sources.is_empty() {
        page.item("  ", &sources.join(", "));
    }
    let besides = progress.besides_per_sec.iter();
    let besides: Vec<String> = besides
        .map(|(what, rate)| format!("{} {}/s", clean(what), amount(*rate)))
        .collect();
    if !besides.is_empty() {
        page.item(
            "  ",
            &format!("besides, not among the tokens: {}", besides.join(", ")),
        );
    }
}

fn named_errno(name: Option<&str>, number: u32) -> String {
    name.map_or_else(|| format!("errno {number}"), str::to_owned)
}

/// With which errors a call fails, as shares of its returns.
fn reasons_of(call: &SyscallReport) -> String {
    let errnos = call.errnos.iter().flatten().take(NR_FAILING);
    let reasons: Vec<String> = errnos
        .map(|failed| {
            let name = named_errno(failed.name.as_deref(), failed.errno);
            format!("{name} {}", pct(Some(failed.pct)))
        })
        .collect();
    match reasons.is_empty() {
        true => String::new(),
        false => format!(" ({})", reasons.join(", ")),
    }
}

/// What probe level 1 saw, in a few lines.
pub(super) fn write_activity(page: &mut Page, verdict: &Verdict) {
    let Some(activity) = &verdict.activity else {
        return;
    };
    page.heading("Activity (probe level 1)");
    let groups: Vec<&str> = activity.groups.iter().map(|g| g.group.name()).collect();
    page.item("  ", &format!("looked at {}", groups.join(", ")));
    if let Some(ok) = activity.ok_syscalls_per_sec {
        let retried = activity.retry_pct.map_or_else(String::new, |retried| {
            format!(", {} asked to be tried again", pct(Some(retried)))
        });
        let ok = amount(ok);
        page.item(
            "  ",
            &format!("{ok} system calls succeeded a second{retried}"),
        );
    }
    let failing: Vec<String> = activity
        .failing_syscalls
        .iter()
        .flatten()
        .take(NR_FAILING)
        .map(|call| {
            let name = call.name.clone();
            let name = name.unwrap_or_else(|| format!("system call {}", call.number));
            let failed = pct(Some(call.retry_pct + call.failed_pct));
            let why = reasons_of(call);
            format!("{name} {}/s, {failed} failed{why}", amount(call.per_sec))
        })
        .collect();
    if !failing.is_empty() {
        page.item("  ", &format!("failing most: {}", failing.join("; ")));
    }
    let mut errnos: Vec<(u32, f64)> = activity
        .errnos_per_sec
        .iter()
        .flatten()
        .map(|(&n, &r)| (n, r))
        .collect();
    errnos.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all: f64 = errnos.iter().map(|(_, rate)| rate).sum();
    let errnos: Vec<String> = errnos
        .into_iter()
        .take(NR_FAILING)
        .filter(|(_, rate)| *rate > 0.0)
        .map(|(number, rate)| {
            let name = named_errno(errno_name(number), number);
            format!(
                "{name} {}/s ({} of them)",
                amount(rate),
                pct(Some(100.0 * rate / all))
            )
        })
        .collect();
    if !errnos.is_empty() {
        page.item("  ", &format!("failures: {}", errnos.join(", ")));
    }
    let interrupts: Vec<String> = activity
        .softirqs
        .iter()
        .chain(&activity.hardirqs)
        .flatten()
        .filter(|row| row.cpu_pct >= MIN_INTERRUPT_PCT)
        .map(|row| {
            let (name, rate) = (clean(&row.name), amount(row.per_sec));
            format!("{name} {} ({rate}/s)", pct(Some(row.cpu_pct)))
        })
        .collect();
    if !interrupts.is_empty() {
        page.item("  ", &format!("interrupts: {}", interrupts.join(", ")));
    }
    if let Some(switches) = activity.switches_per_sec {
        let delay = activity.mean_run_delay_ns.map_or_else(String::new, |ns| {
            format!(", {} from runnable to running on average", duration(ns))
        });
        let share = activity.involuntary_switches_per_sec;
        let share = share.filter(|_| switches > 0.0);
        let involuntary = share.map_or_else(String::new, |rate| {
            format!(
                ", {} preempted or yielding",
                pct(Some(100.0 * rate / switches))
            )
        });
        page.item(
            "  ",
            &format!("{} switches a second{involuntary}{delay}", amount(switches)),
        );
    }
    let direct = activity.reclaim.as_ref().and_then(|r| r.direct.as_ref());
    if let Some(direct) = direct.filter(|direct| direct.per_sec > 0.0) {
        let text = format!(
            "{:.1} threads in direct reclaim on average, {}/s",
            direct.mean_threads,
            amount(direct.per_sec)
        );
        page.item("  ", &text);
    }
    let throttled = activity.reclaim.as_ref().and_then(|r| r.throttled.as_ref());
    let most = throttled.and_then(|throttled| throttled.first());
    if let Some(most) = most.filter(|most| most.mean_threads >= THROTTLED_THREADS) {
        let text = format!(
            "reclaim made {:.1} threads sleep on average: {}",
            most.mean_threads,
            most.reason.words()
        );
        page.item("  ", &text);
    }
    let called = activity.cross_calls.as_ref();
    if let Some(top) = called.and_then(|calls| calls.functions.as_ref()?.first()) {
        let (name, rate) = (clean(&top.name), amount(top.per_sec));
        page.item("  ", &format!("called on other CPUs most: {name} {rate}/s"));
    }
    if let Some(top) = activity
        .work
        .as_ref()
        .and_then(|work| work.functions.first())
    {
        let each = top
            .mean_ns
            .map_or_else(String::new, |ns| format!(", {} each", duration(ns)));
        let (name, rate) = (clean(&top.name), amount(top.per_sec));
        page.item("  ", &format!("most work: {name} {rate}/s{each}"));
    }
    let transactions = activity.transactions.as_ref();
    if let Some(restarts) = transactions.and_then(|t| t.restarts_per_sec) {
        let commits = transactions.and_then(|t| t.commits_per_sec);
        let commits = commits.map_or_else(String::new, |commits| {
            format!(", {}/s committed", amount(commits))
        });
        let restarts = amount(restarts);
        page.item(
            "  ",
            &format!("transactions: {restarts}/s started over{commits}"),
        );
    }
    let open = activity
        .work
        .as_ref()
        .and_then(|work| work.open.as_ref()?.first());
    if let Some(open) = open {
        let (name, age) = (clean(&open.function), duration(open.age_ns));
        page.item(
            "  ",
            &format!("not seen to end: {name} in thread {}, for {age}", open.pid),
        );
    }
}
