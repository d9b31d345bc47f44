//! Precedence, refusals and the listing.
//!
//! In: variables and texts of files. Out: pass or fail. Refuses: the environment and the files of the machine it runs on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::layers::DEFAULT_PATH;
use super::*;
use crate::args::{Config, Job, parse};

/// A process with these variables, on a host with these files.
#[derive(Default)]
pub(super) struct Process {
    pub(super) variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, String>,
}

impl Process {
    pub(super) fn with(variables: &[(&'static str, &'static str)], etc: &str) -> Self {
        let files = [(DEFAULT_PATH, etc.to_owned())];
        Self {
            variables: variables.iter().copied().collect(),
            files: files
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .collect(),
        }
    }

    pub(super) fn parse(&self, line: &str) -> Result<Config, clap::Error> {
        let surroundings = Surroundings {
            variable: &|name| self.variables.get(name).map(OsString::from),
            read: &|path: &Path| {
                let text = path.to_str().and_then(|path| self.files.get(path));
                text.cloned().ok_or_else(|| ErrorKind::NotFound.into())
            },
        };
        parse(line.split(' ').map(OsString::from), &surroundings)
    }

    pub(super) fn job(&self, line: &str) -> Job {
        self.parse(line).expect(line).job
    }

    fn refused(&self, line: &str) -> String {
        let error = self.parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        error.to_string()
    }
}

/// The job that the same line would be with everything typed.
pub(super) fn typed(line: &str) -> Job {
    Process::default().job(line)
}

pub(super) fn etc(text: &str) -> Process {
    Process::with(&[], text)
}

#[test]
fn flags_come_before_variables_and_variables_before_the_file() {
    let file = "duration = \"20s\"\n[diagnose]\nduration = \"30s\"\n";
    let all = ("LIVELOCK_DURATION", "40s");
    let one = ("LIVELOCK_DIAGNOSE_DURATION", "50s");
    for (variables, file, line, same_as) in [
        (
            vec![],
            "",
            "livelock diagnose",
            "livelock diagnose --duration 5s",
        ),
        (
            vec![],
            "duration = \"20s\"",
            "livelock diagnose",
            "livelock diagnose --duration 20s",
        ),
        (
            vec![],
            file,
            "livelock diagnose",
            "livelock diagnose --duration 30s",
        ),
        (
            vec![],
            file,
            "livelock watch",
            "livelock watch --duration 20s",
        ),
        (
            vec![all],
            file,
            "livelock diagnose",
            "livelock diagnose --duration 40s",
        ),
        (
            vec![all, one],
            file,
            "livelock diagnose",
            "livelock diagnose --duration 50s",
        ),
        (
            vec![all, one],
            file,
            "livelock watch",
            "livelock watch --duration 40s",
        ),
        (
            vec![all, one],
            file,
            "livelock diagnose -d 60s",
            "livelock diagnose --duration 60s",
        ),
        (
            vec![("LIVELOCK_DURATION", "")],
            file,
            "livelock watch",
            "livelock watch -d 20s",
        ),
    ] {
        let place = Process::with(&variables, file);
        assert_eq!(
            place.job(line),
            typed(same_as),
            "{variables:?} {file} {line}"
        );
    }
}

#[test]
fn each_key_sets_its_option_in_the_file_and_in_the_environment() {
    for (table, key, text, option) in [
        ("diagnose", "duration", "\"9s\"", "--duration 9s"),
        ("diagnose", "window", "\"200ms\"", "--window 200ms"),
        ("diagnose", "format", "\"json\"", "--format json"),
        ("diagnose", "cpu", "\"0-1\"", "--cpu 0-1"),
        ("diagnose", "cpu", "1", "--cpu 1"),
        ("diagnose", "max-level", "2", "--max-level 2"),
        ("diagnose", "sample-hz", "49", "--sample-hz 49"),
        ("watch", "plain", "true", "--plain"),
        ("watch", "plain", "false", "--window 1s"),
        ("watch", "ascii", "true", "--ascii"),
        ("export", "format", "\"csv\"", "--format csv"),
        ("record -o x", "max-size", "\"64M\"", "--max-size 64M"),
        ("record -o x", "quiet", "true", "--quiet"),
    ] {
        let line = format!("livelock {table}");
        let same_as = typed(&format!("{line} {option}"));
        let name = table.split(' ').next().expect("a name");
        let file = etc(&format!("[{name}]\n{key} = {text}\n"));
        assert_eq!(file.job(&line), same_as, "{key} in a table");
        if key != "format" {
            let file = etc(&format!("{key} = {text}\n"));
            assert_eq!(file.job(&line), same_as, "{key} above all tables");
        }
        let variable = format!("LIVELOCK_{name}_{key}")
            .to_uppercase()
            .replace('-', "_");
        let mut place = Process::default();
        let value = text.trim_matches('"').to_owned();
        place.variables.insert(variable.leak(), value.leak());
        assert_eq!(place.job(&line), same_as, "{key} in the environment");
    }
    let place = Process::with(&[("LIVELOCK_VERBOSE", "1")], "color = \"never\"\n");
    let config = place.parse("livelock doctor").expect("valid");
    let same_as = Process::default().parse("livelock doctor -v --color never");
    assert_eq!(config, same_as.expect("valid"));
}

#[test]
fn a_flight_recorder_can_be_set_as_a_whole_or_in_part() {
    let whole = "[record]\nring = \"10m\"\ntrigger = \"status>=contended\"\ncooldown = \"1h\"\n";
    let line = "livelock record -o x --ring 10m --trigger status>=contended --cooldown";
    assert_eq!(
        etc(whole).job("livelock record -o x"),
        typed(&format!("{line} 1h"))
    );
    assert_eq!(
        etc(whole).job("livelock record -o x --cooldown 5m"),
        typed(&format!("{line} 5m"))
    );
    let part = "[record]\ntrigger = \"status>=contended\"\ncooldown = \"1h\"\n";
    assert_eq!(
        etc(part).job("livelock record -o x"),
        typed("livelock record -o x")
    );
    let place = etc(part);
    assert_eq!(
        place.job("livelock record -o x --ring 10m"),
        typed(&format!("{line} 1h"))
    );
    assert!(
        etc("ring = \"10m\"\n")
            .refused("livelock record -o x")
            .contains("--trigger")
    );
    for words in ["--trigger status=livelock", "--cooldown 1m"] {
        let line = format!("livelock record -o x {words}");
        assert!(
            Process::default().refused(&line).contains("--ring"),
            "{line}"
        );
    }
}

#[test]
fn a_typed_scope_replaces_the_cpus_of_the_file() {
    let place = etc("cpu = \"0-1\"\n");
    for scope in ["--pid 1", "--cgroup /app", "--cpu 2"] {
        let line = format!("livelock diagnose {scope}");
        assert_eq!(place.job(&line), typed(&line));
    }
    let json = etc("[watch]\nplain = true\n").job("livelock watch --json");
    assert_eq!(json, typed("livelock watch --json"));
}

#[test]
fn a_replay_takes_what_is_shown_from_the_same_tables() {
    let place = etc("duration = \"20s\"\n[diagnose]\nformat = \"json\"\n[watch]\nascii = true\n");
    for (line, same_as) in [
        (
            "livelock replay x diagnose",
            "livelock replay x diagnose --format json",
        ),
        ("livelock replay x watch", "livelock replay x watch --ascii"),
        ("livelock replay x export", "livelock replay x export"),
    ] {
        assert_eq!(place.job(line), typed(same_as));
    }
}

#[test]
fn progress_of_the_file_counts_unless_some_is_typed() {
    let file =
        "[[progress]]\nspec = \"file:/n\"\nexpect = \"rate>=5\"\n[[progress]]\nspec = \"tp:a:b\"\n";
    let same_as = "--progress file:/n --expect rate>=5 --progress tp:a:b";
    for command in ["diagnose", "watch", "export", "record -o x"] {
        let line = format!("livelock {command}");
        assert_eq!(etc(file).job(&line), typed(&format!("{line} {same_as}")));
        let typed_line = format!("{line} --progress file:/m");
        assert_eq!(etc(file).job(&typed_line), typed(&typed_line));
    }
    let list = etc("progress = [\"file:/n\", { spec = \"tp:a:b\" }]\n");
    let same_as = typed("livelock watch --progress file:/n --progress tp:a:b");
    assert_eq!(list.job("livelock watch"), same_as);
}

#[test]
fn only_a_named_file_must_be_there() {
    let mut place = Process::default();
    place.parse("livelock diagnose").expect("no file is fine");
    let message = place.refused("livelock diagnose --config /x.toml");
    assert!(message.contains("/x.toml cannot be read"), "{message}");
    place.variables.insert("LIVELOCK_CONFIG", "/y.toml");
    assert!(place.refused("livelock diagnose").contains("/y.toml"));
    place
        .files
        .insert("/y.toml", "duration = \"9s\"".to_owned());
    let same_as = typed("livelock diagnose -d 9s");
    assert_eq!(place.job("livelock diagnose"), same_as);
    // A file that is named is read instead, not as well.
    place.files.insert("/x.toml", String::new());
    place
        .files
        .insert(DEFAULT_PATH, "duration = \"8s\"".to_owned());
    let line = "livelock diagnose --config /x.toml";
    assert_eq!(place.job(line), typed("livelock diagnose"));
    let denied = Surroundings {
        variable: &|_| None,
        read: &|_| Err(ErrorKind::PermissionDenied.into()),
    };
    let words = ["livelock", "diagnose"].map(OsString::from);
    assert!(parse(words, &denied).is_err(), "there, and not to be read");
}

#[test]
fn help_and_schema_do_not_depend_on_a_file() {
    let broken = etc("durration = 5\n");
    for line in ["livelock --help", "livelock diagnose --help"] {
        assert_eq!(broken.parse(line).expect_err("help").exit_code(), 0);
    }
    for line in [
        "livelock schema",
        "livelock man",
        "livelock completions bash",
    ] {
        broken.parse(line).expect(line);
    }
    broken.refused("livelock config");
}

#[test]
fn refusals_name_the_place_and_say_what_to_write() {
    let files = [
        "duration = 5",
        "\n  durration = \"5s\"",
        "[diagnos]\nduration = \"5s\"",
        "[watch]\nduration = \"5s\"\nmax-size = \"64M\"",
        "[watch]\nwindow = [\"1s\"]",
        "format = \"json\"",
        "[diagnose]\nformat = \"xml\"",
        "[diagnose]\noutput = \"x\"",
        "max-level = 3",
        "max-level = \"1\"",
        "verbose = 4",
        "ascii = \"yes\"",
        "color = \"blue\"",
        "window = \"1s",
        "window = \"1s\"\nwindow = \"2s\"",
        "progress = \"file:/n\"",
        "[[progress]]\nexpect = \"rate>=5\"",
        "[[progress]]\nspec = \"kprobe:x\"",
        "[[progress]]\nspec = \"file:/n\"\nexpect = \"rate>5\"",
        "[[progress]]\nspec = \"file:/n\"\nexpects = \"rate>=5\"",
        "[record]\nprogress = [\"file:/n\"]",
        "[duration]\ndiagnose = \"5s\"",
        "[diagnose]\ncolor = \"never\"",
        "duration = \"500ms\"\nwindow = \"400ms\"",
    ];
    let of_files = files.iter().map(|file| {
        format!(
            "# {}\n{}",
            file.replace('\n', "\n# "),
            etc(file).refused("livelock diagnose")
        )
    });
    let variables = [
        ("LIVELOCK_DURATION", "5"),
        ("LIVELOCK_MAX_LEVEL", "high"),
        ("LIVELOCK_COLOR", "blue"),
        ("LIVELOCK_DIAGNOSE_FORMAT", "csv"),
        ("LIVELOCK_ASCII", "maybe"),
        ("LIVELOCK_DURATION", "500ms"),
    ];
    let of_variables = variables.iter().map(|(name, text)| {
        let place = Process::with(&[(*name, *text)], "");
        let line = match *name {
            "LIVELOCK_ASCII" => "livelock watch",
            _ => "livelock diagnose",
        };
        format!("$ {name}={text} {line}\n{}", place.refused(line))
    });
    insta::assert_snapshot!(of_files.chain(of_variables).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_reader_that_fails_is_told() {
    let failing = Surroundings {
        variable: &|_| None,
        read: &|_| Err(io::Error::other("disk gone")),
    };
    let words = ["livelock", "watch"].map(OsString::from);
    let message = parse(words, &failing).expect_err("unreadable").to_string();
    assert!(
        message.contains("disk gone") && message.contains(DEFAULT_PATH),
        "{message}"
    );
}
