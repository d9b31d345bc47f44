//! What was said of healthy loads, in Markdown.
//!
//! In: [`Seen`]. Out: a table and the bound that its hours give. Refuses: a rate without its hours.

use super::observe::Seen;

/// With none seen in `n`, the true number is below 3 in `n` at 95 % (rule of three).
const NONE_SEEN_BOUND: f64 = 3.0;

/// The table.
pub(super) fn render(all: &[Seen]) -> String {
    let mut out = String::from(
        "| load | windows | busy %, median | omega, largest | no progress | contended | starved | live lock | own cost %: steady | all, with start-up | programs | start-up, s of CPU | windows at level 1 | lost |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let number = |value: Option<f64>, digits: usize| match value {
        Some(value) => format!("{value:.digits$}"),
        None => "–".to_owned(),
    };
    for seen in all {
        out.push_str(&format!(
            "| {}: {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            seen.name,
            seen.what,
            seen.nr_windows,
            number(seen.busy_pct, 0),
            number(seen.max_omega, 2),
            seen.nr_no_progress,
            seen.nr_contended_windows,
            seen.nr_starved_windows,
            seen.nr_livelock_windows,
            number(seen.self_steady_pct, 2),
            number(seen.self_cpu_pct, 2),
            number(seen.self_bpf_pct, 2),
            number(seen.start_up_cpu_ns.map(|ns| ns as f64 / 1e9), 2),
            seen.nr_level1_windows,
            seen.nr_lost,
        ));
    }
    let hours = all.iter().map(|seen| seen.observed_ns).sum::<u64>() as f64 / 3.6e12;
    let nr_windows: u64 = all.iter().map(|seen| seen.nr_windows).sum();
    let nr_false: u64 = all.iter().map(|seen| seen.nr_livelock_windows).sum();
    out.push_str(&format!(
        "\n{nr_windows} windows, {hours:.3} hours: {nr_false} false live locks"
    ));
    if nr_false == 0 && hours > 0.0 {
        out.push_str(&format!(
            ", so below {:.0} an hour at 95 %",
            (NONE_SEEN_BOUND / hours).ceil()
        ));
    }
    out.push_str(".\n");
    for seen in all {
        for said in &seen.said {
            out.push_str(&format!("- {}: {said}\n", seen.name));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_its_hours() {
        let seen = Seen {
            name: "idle".to_owned(),
            nr_windows: 200,
            observed_ns: 60_000_000_000,
            ..Seen::default()
        };
        let text = render(&[seen]);
        assert!(text.contains(
            "200 windows, 0.017 hours: 0 false live locks, so below 180 an hour at 95 %."
        ));
        let accused = Seen {
            nr_livelock_windows: 1,
            said: vec!["livelock: a lock".to_owned()],
            ..Seen::default()
        };
        assert!(render(&[accused]).contains("1 false live locks.\n- : livelock: a lock"));
    }
}
