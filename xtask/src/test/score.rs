//! Passed and failed.
//!
//! In: checks and their outcomes. Out: one line each, a closing line. Refuses: to forget a failure.

use std::process::ExitCode;
use std::time::Instant;

/// The outcomes so far.
#[derive(Debug, Default)]
pub(super) struct Score {
    lines: Vec<String>,
    nr_passed: u64,
    nr_failed: u64,
    nr_skipped: u64,
}

/// Tests of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) nr_passed: u64,
    pub(super) nr_failed: u64,
    pub(super) nr_skipped: u64,
}

impl Score {
    /// Runs a step that passes or fails as a whole; tells whether it passed.
    pub(super) fn step(&mut self, name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> bool {
        let nr_failed = self.nr_failed;
        self.steps(name, || {
            step().map(|()| Counts {
                nr_passed: 1,
                ..Counts::default()
            })
        });
        self.nr_failed == nr_failed
    }

    /// Runs a step of several tests; an error is a failure beside them.
    pub(super) fn steps(&mut self, name: &str, step: impl FnOnce() -> anyhow::Result<Counts>) {
        eprintln!("\n== {name}");
        let begin = Instant::now();
        let outcome = step();
        let secs = begin.elapsed().as_secs_f64();
        let counts = outcome.as_ref().copied().unwrap_or(Counts {
            nr_failed: 1,
            ..Counts::default()
        });
        self.nr_passed += counts.nr_passed;
        self.nr_failed += counts.nr_failed;
        self.nr_skipped += counts.nr_skipped;
        let word = if counts.nr_failed == 0 {
            "ok"
        } else {
            "FAILED"
        };
        self.lines.push(format!("{word:<7}{secs:>6.0} s  {name}"));
        if let Err(err) = outcome {
            eprintln!("xtask: {name}: {err:#}");
            self.lines.push(format!("                {err:#}"));
        }
    }

    /// Prints all and ends with the closing line.
    pub(super) fn close(&self) -> ExitCode {
        println!();
        for line in &self.lines {
            println!("{line}");
        }
        if self.nr_skipped > 0 {
            println!(
                "{} live tests skipped; the reasons are above, at `live: skipped`",
                self.nr_skipped
            );
        }
        println!("{} passed, {} failed", self.nr_passed, self.nr_failed);
        if self.nr_failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_failure() {
        let mut score = Score::default();
        assert!(score.step("good", || Ok(())));
        assert!(!score.step("bad", || anyhow::bail!("no")));
        score.steps("many", || {
            Ok(Counts {
                nr_passed: 5,
                nr_failed: 2,
                nr_skipped: 1,
            })
        });
        assert_eq!(
            (score.nr_passed, score.nr_failed, score.nr_skipped),
            (6, 3, 1)
        );
        assert!(score.lines.iter().any(|line| line.contains("no")));
    }
}
