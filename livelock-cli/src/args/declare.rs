//! `--progress` and `--expect`, which belong together by their order.
//!
//! In: both lists and the places of their members on the command line. Out: [`Declaration`]s. Refuses: an
//! expectation of nothing, and two of one source.

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use livelock_core::declared::Expectation;

use super::settings::Layers;
use crate::declared::{Declaration, Spec, parse_expectation, parse_spec};

/// Both options, as clap shows them.
#[derive(Debug, Args)]
struct Options {
    /// What counts as progress; may be given more than once
    ///
    ///   uprobe:PATH:FUNCTION      calls of a function, in all processes
    ///   usdt:PATH:PROVIDER:PROBE  hits of a USDT probe
    ///   tp:SUBSYSTEM:EVENT        hits of a kernel tracepoint
    ///   cgroup:FILE:KEY           a key of a control group, over all devices
    ///   file:PATH[:KEY]           a number in a file
    ///   'exec:COMMAND'            a number that a command prints, once a window
    ///
    /// While one of them keeps pace there is no live lock. If those that can be judged have
    /// stalled or collapsed on a busy host, that is evidence for one. Examples:
    ///
    ///   --progress uprobe:/usr/sbin/nginx:ngx_http_finalize_request --expect 'rate>=100'
    ///   --progress cgroup:/sys/fs/cgroup/app/io.stat:wbytes --progress file:/run/app/orders
    #[arg(short, long, value_name = "SPEC", value_parser = spec, verbatim_doc_comment)]
    progress: Vec<(Spec, String)>,

    /// What the --progress before it must reach
    ///
    /// 'rate>=100' a second, 'rate/cpu>=100' a busy CPU-second, or 'zero>5s': it may stand still for so long.
    /// Without: a stall of 5 s (in a short session a quarter of it), or 30 % of the rate in quiet windows.
    #[arg(short, long, value_name = "RULE", value_parser = parse_expectation)]
    expect: Vec<Expectation>,
}

/// Declared progress, in the order of the command line.
#[derive(Debug)]
pub(super) struct Declared(pub(super) Vec<Declaration>);

impl Declared {
    /// What was typed, or else what is set otherwise.
    pub(super) fn or(self, layers: &Layers) -> Vec<Declaration> {
        match self.0.is_empty() {
            true => layers.declared(),
            false => self.0,
        }
    }
}

fn spec(text: &str) -> Result<(Spec, String), crate::declared::SpecError> {
    Ok((parse_spec(text)?, text.to_owned()))
}

impl Args for Declared {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}

impl FromArgMatches for Declared {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let places = |name| matches.indices_of(name).into_iter().flatten();
        let specs = matches.get_many::<(Spec, String)>("progress");
        let mut declared: Vec<(usize, Declaration)> = places("progress")
            .zip(specs.into_iter().flatten())
            .map(|(place, (spec, text))| {
                let declaration = Declaration {
                    spec: spec.clone(),
                    text: text.clone(),
                    expectation: None,
                };
                (place, declaration)
            })
            .collect();
        let rules = matches.get_many::<Expectation>("expect");
        for (place, rule) in places("expect").zip(rules.into_iter().flatten()) {
            let before = declared.iter_mut().rfind(|(of, _)| *of < place);
            let refusal = match before {
                Some((_, declaration)) if declaration.expectation.is_none() => {
                    declaration.expectation = Some(*rule);
                    continue;
                }
                Some((_, declaration)) => format!(
                    "`--progress {}` has two expectations: type one --expect behind each --progress",
                    declaration.text
                ),
                None => format!(
                    "nothing is said to be progress before `--expect '{rule}'`: type --progress SPEC in front of it"
                ),
            };
            return Err(super::command().error(ErrorKind::ArgumentConflict, refusal));
        }
        let declared = declared.into_iter().map(|(_, declaration)| declaration);
        Ok(Self(declared.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
