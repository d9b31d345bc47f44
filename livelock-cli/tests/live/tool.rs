//! Running `livelock` and reading what it says.
//!
//! In: arguments. Out: exit code, output, documents. Refuses: to leave a process behind when a test
//! fails, and to wait for ever.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tool with these arguments, not yet started.
pub(crate) fn livelock<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livelock"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the tool to its end.
pub(crate) fn run(args: &str) -> Output {
    livelock(args.split(' ')).output().expect("livelock starts")
}

/// Text of a stream, for messages and comparisons.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads a document; fails with what was there instead.
pub(crate) fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|err| {
        panic!(
            "no JSON ({err}); exit {:?}, stdout: {}, stderr: {}",
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr)
        )
    })
}

/// An unsigned number at a JSON pointer.
pub(crate) fn number(document: &Value, pointer: &str) -> u64 {
    document
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no number at {pointer} in {document}"))
}

/// The sum of an object of numbers.
pub(crate) fn sum(document: &Value, pointer: &str) -> u64 {
    document
        .pointer(pointer)
        .and_then(Value::as_object)
        .unwrap_or_else(|| panic!("no object at {pointer} in {document}"))
        .values()
        .filter_map(Value::as_u64)
        .sum()
}

/// `begun = completed + in flight + lost by named cause`, to the last wait.
pub(crate) fn assert_accounting_closes(document: &Value) {
    let part = |name: &str| number(document, &format!("/accounting/{name}"));
    let lost = sum(document, "/accounting/lost");
    assert_eq!(
        part("nr_begun"),
        part("nr_completed") + part("nr_in_flight") + lost,
        "the books do not close: {}",
        document["accounting"]
    );
    assert_eq!(
        document["accounting"]["unaccounted"], 0,
        "{}",
        document["accounting"]
    );
}

/// A process that does not outlive the test.
pub(crate) struct Running(Child);

impl Running {
    /// Starts a command.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the process starts"))
    }

    /// Starts the lab.
    pub(crate) fn lab(program: &Path, args: &str) -> Self {
        let mut command = Command::new(program);
        command
            .args(args.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Self::start(&mut command)
    }

    /// Its standard output, line by line; the pipe closes when the result is dropped.
    pub(crate) fn lines(&mut self) -> Lines<BufReader<ChildStdout>> {
        let stdout = self.0.stdout.take().expect("a piped standard output");
        BufReader::new(stdout).lines()
    }

    /// Its pid.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.0.id()).expect("a pid");
        // SAFETY: no memory is involved; the child has not been waited for, so the pid is its own.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "kill({pid}, {signal})");
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("the process can be waited for") {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
