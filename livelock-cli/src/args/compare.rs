//! `compare`.
//!
//! In: its raw arguments. Out: two sides. Refuses: this host twice, whose load would be the other's past.

use std::path::PathBuf;

use clap::Args;

use super::ConfigError;
use super::cli::ReportFormat;
use super::config::{Job, Source, output};
use super::filter::FilterArgs;
use super::report::LiveArgs;

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// What is compared with: a recording, a verdict document, or `live` for this host
    #[arg(value_name = "A")]
    a: PathBuf,

    /// What is compared: the same kinds
    #[arg(value_name = "B")]
    b: PathBuf,

    /// As JSON, livelock.compare/v1
    #[arg(long)]
    json: bool,

    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    live: LiveArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

/// One side.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// As typed.
    pub name: String,
    /// Where its windows are from; a recording may turn out to be a verdict document.
    pub source: Source,
}

impl CompareArgs {
    pub(super) fn job(self) -> Result<Job, ConfigError> {
        let names = [&self.a, &self.b].map(|path| path.display().to_string());
        if self.a == self.b && ["live", "-"].iter().any(|once| self.a.as_os_str() == *once) {
            return Err(ConfigError::Twice);
        }
        let [a_name, b_name] = names;
        let [a, b] = self.live.sources([self.a, self.b], self.filter)?;
        let of = |name, source| Box::new(Compared { name, source });
        Ok(Job::Compare {
            a: of(a_name, a),
            b: of(b_name, b),
            format: if self.json {
                ReportFormat::Json
            } else {
                ReportFormat::Text
            },
            output: output(self.output),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Output;
    use super::super::tests::parsed as parsed_whole;
    use super::*;

    fn parsed(line: &str) -> Result<Job, String> {
        let config = parsed_whole(line);
        config
            .map(|config| config.job)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sides_are_recordings_documents_or_once_this_host() {
        let Job::Compare {
            a,
            b,
            format,
            output,
        } = parsed("livelock compare x.llrec live -d 9s --json").expect("valid")
        else {
            panic!("no comparison");
        };
        assert_eq!((a.name.as_str(), b.name.as_str()), ("x.llrec", "live"));
        assert!(
            matches!(a.source, Source::Recording { .. }) && matches!(b.source, Source::Host { .. })
        );
        assert_eq!((format, output), (ReportFormat::Json, Output::Stdout));
        assert!(parsed("livelock compare a.llrec b.json -o c.txt").is_ok());
        for (line, word) in [
            ("livelock compare live live", "once"),
            ("livelock compare - -", "once"),
            ("livelock compare a b -d 5s", "leave out"),
            ("livelock compare a", "<B>"),
        ] {
            let text = parsed(line).expect_err("refused");
            assert!(text.contains(word), "{line}: {text}");
        }
    }
}
