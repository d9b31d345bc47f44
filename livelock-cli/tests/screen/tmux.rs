//! A terminal of our own.
//!
//! In: lines and keys. Out: what the terminal shows. Refuses: a server that others use: each terminal is one of its
//! own, which ends with the test.

use std::cell::Cell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything here takes, also on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Looks after which a screen that changes each time is taken as it is.
const NR_RESTLESS_LOOKS: u32 = 20;
/// The prompt of the shell.
const PROMPT: &str = "ready>";

/// A shell in a terminal, in an empty folder.
pub(crate) struct Tmux {
    socket: String,
    folder: PathBuf,
    /// Commands run so far: the code of one before may still be shown.
    nr_run: Cell<u32>,
}

/// What is left of a terminal when a program has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modes {
    has_alternate_screen: bool,
    has_cursor: bool,
    stty: String,
}

impl Tmux {
    /// A terminal of this size; `None`, and said, if there is no tmux.
    pub(crate) fn start(test: &str, width: u16, height: u16) -> Option<Self> {
        static NR: AtomicU32 = AtomicU32::new(0);
        let is_there = Command::new("tmux")
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !is_there {
            skip(test, "tmux is not installed");
            return None;
        }
        let number = NR.fetch_add(1, Ordering::Relaxed);
        let name = format!("livelock-screen-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let tmux = Self {
            socket: name,
            folder,
            nr_run: Cell::new(0),
        };
        let size = [width.to_string(), height.to_string()];
        let status = tmux
            .command()
            .args(["-f", "/dev/null", "new-session", "-d"])
            .args(["-x", &size[0], "-y", &size[1]])
            .arg("-c")
            .arg(&tmux.folder)
            // It leaves the terminal as programs leave it, unlike shells that edit lines.
            .args(["env", "-u", "NO_COLOR", "-u", "ENV"])
            .args(["LC_ALL=C.UTF-8", &format!("PS1={PROMPT} "), "dash", "-i"])
            .status()
            .expect("tmux starts");
        assert!(status.success(), "tmux ended with {status}");
        tmux.wait_for(PROMPT);
        Some(tmux)
    }

    /// Where the shell stands.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).stdin(Stdio::null());
        command
    }

    fn ask(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().expect("tmux answers");
        assert!(
            output.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types keys by their names in tmux; words of one letter are letters.
    pub(crate) fn keys(&self, keys: &str) {
        for key in keys.split(' ') {
            self.ask(&["send-keys", key]);
        }
    }

    /// Types a line at the shell.
    pub(crate) fn line(&self, line: &str) {
        self.ask(&["send-keys", "-l", line]);
        self.ask(&["send-keys", "Enter"]);
    }

    /// What is shown.
    pub(crate) fn shown(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    /// The same with its colours, as escape sequences.
    pub(crate) fn painted(&self) -> String {
        self.ask(&["capture-pane", "-p", "-e"])
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        let size = [width.to_string(), height.to_string()];
        self.ask(&["resize-window", "-x", &size[0], "-y", &size[1]]);
    }

    /// Waits until `text` is shown, and gives all that is.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |shown| shown.contains(text))
    }

    /// Waits until what is shown is as wanted, and is shown twice: a frame comes in pieces.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        let (mut before, mut nr_looks) = (None, 0);
        loop {
            let shown = self.shown();
            let is_wanted = is_so(&shown);
            nr_looks += u32::from(is_wanted);
            let has_settled = before.as_ref() == Some(&shown) || nr_looks == NR_RESTLESS_LOOKS;
            if is_wanted && has_settled {
                return shown;
            }
            assert!(begin.elapsed() < PATIENCE, "no {what:?} in:\n{shown}");
            before = is_wanted.then_some(shown);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types a line whose end tells its exit code; to be read with [`Self::exit_code`].
    pub(crate) fn run(&self, line: &str) {
        let number = self.nr_run.get() + 1;
        self.nr_run.set(number);
        self.line(&format!("clear; {line}; echo \"[code {number}: $?]\""));
    }

    /// Waits for the end of what [`Self::run`] started.
    pub(crate) fn exit_code(&self) -> (i32, String) {
        // The line that was typed has a dollar sign there.
        let mark = format!("[code {}: ", self.nr_run.get());
        let code_in = |shown: &str| {
            let (_, tail) = shown.rsplit_once(&mark)?;
            tail.split_once(']')?.0.parse::<i32>().ok()
        };
        let shown = self.wait_until("exit code", |shown| code_in(shown).is_some());
        (code_in(&shown).unwrap_or(-1), shown)
    }

    /// Whether a full screen is shown.
    pub(crate) fn is_full_screen(&self) -> bool {
        self.flag("alternate_on") == "1"
    }

    fn flag(&self, name: &str) -> String {
        let format = format!("#{{{name}}}");
        self.ask(&["display-message", "-p", &format])
            .trim()
            .to_owned()
    }

    /// How the terminal is set, asked at the prompt.
    pub(crate) fn modes(&self) -> Modes {
        let path = self.folder.join("stty");
        // Nobody else may have left one.
        let _ = std::fs::remove_file(&path);
        self.line("clear; stty -a > stty.new; mv stty.new stty");
        let begin = Instant::now();
        while !path.exists() {
            assert!(begin.elapsed() < PATIENCE, "no stty in:\n{}", self.shown());
            std::thread::sleep(Duration::from_millis(50));
        }
        Modes {
            has_alternate_screen: self.flag("alternate_on") == "1",
            has_cursor: self.flag("cursor_flag") == "1",
            stty: std::fs::read_to_string(&path).expect("what stty said"),
        }
    }

    /// The process that has the terminal besides the shell.
    pub(crate) fn pid_of(&self, program: &str) -> i32 {
        let tty = self.flag("pane_tty");
        let tty = tty.trim_start_matches("/dev/");
        let output = Command::new("ps")
            .args(["-t", tty, "-o", "pid=,comm="])
            .output()
            .expect("ps answers");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .filter_map(|line| line.trim().split_once(' '))
            .find(|(_, comm)| comm.trim() == program)
            .and_then(|(pid, _)| pid.parse().ok())
            .unwrap_or_else(|| panic!("no {program} in:\n{text}"))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.command().arg("kill-server").status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Says so on standard error itself; the harness keeps what `eprintln!` writes.
pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("live: skipped {test}: {reason}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error");
}
