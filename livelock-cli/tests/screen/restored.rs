//! The terminal afterwards is the terminal before.

use crate::replayed::replay;
use crate::tmux::Tmux;

/// Ends the full screen in some way, and compares.
fn end_by(test: &str, end: impl FnOnce(&Tmux), code: i32, said: &str) {
    let Some(tmux) = Tmux::start(test, 80, 24) else {
        return;
    };
    let before = tmux.modes();
    tmux.run(&replay(""));
    tmux.wait_for(" LIVE LOCK ");
    assert!(tmux.is_full_screen());
    end(&tmux);
    let (found, shown) = tmux.exit_code();
    assert_eq!(found, code, "{shown}");
    assert!(shown.contains(said), "no {said:?} in:\n{shown}");
    assert_eq!(tmux.modes(), before);
}

fn kill(tmux: &Tmux, signal: i32) {
    let pid = tmux.pid_of("livelock");
    // SAFETY: no memory is involved; the process is the one that this test started.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0, "kill({pid}, {signal})");
}

#[test]
fn after_sigterm() {
    end_by(
        "SIGTERM",
        |tmux| kill(tmux, libc::SIGTERM),
        143,
        "# terminated after",
    );
}

#[test]
fn after_sighup() {
    end_by(
        "SIGHUP",
        |tmux| kill(tmux, libc::SIGHUP),
        143,
        "# terminated after",
    );
}

#[test]
fn after_sigint() {
    end_by(
        "SIGINT",
        |tmux| kill(tmux, libc::SIGINT),
        130,
        "# interrupted after",
    );
}

#[test]
fn after_control_c() {
    end_by(
        "Ctrl-C",
        |tmux| tmux.keys("C-c"),
        130,
        "# interrupted after",
    );
}

#[test]
fn after_q() {
    end_by("q", |tmux| tmux.keys("q"), 11, "# ended by q after");
}

#[test]
fn while_it_is_stopped() {
    let Some(tmux) = Tmux::start("Ctrl-Z", 80, 24) else {
        return;
    };
    let before = tmux.modes();
    tmux.line(&replay(""));
    for is_key in [true, false] {
        tmux.wait_for("recording over");
        if is_key {
            tmux.keys("C-z");
        } else {
            kill(&tmux, libc::SIGTSTP);
        }
        tmux.wait_until("shell", |_| !tmux.is_full_screen());
        assert_eq!(tmux.modes(), before);
        tmux.line("fg");
    }
    tmux.wait_for("recording over");
    tmux.keys("q");
    tmux.wait_for("# ended by q after");
    assert_eq!(tmux.modes(), before);
}

#[test]
fn after_a_stop_that_cannot_be_caught() {
    let Some(tmux) = Tmux::start("SIGSTOP", 80, 24) else {
        return;
    };
    tmux.line(&replay(""));
    tmux.wait_for("recording over");
    kill(&tmux, libc::SIGSTOP);
    tmux.wait_for("Stopped");
    // The terminal is still raw: Enter would not end a line.
    tmux.keys("f g C-j");
    tmux.wait_until("frame", |shown| {
        shown.contains("recording over") && !shown.contains("Stopped")
    });
    tmux.keys("?");
    tmux.wait_for("write a report");
    tmux.keys("q q");
    tmux.wait_for("# ended by q after");
}

/// Without a terminal nobody could end it any more.
#[test]
fn it_ends_with_its_terminal() {
    let Some(tmux) = Tmux::start("a terminal that goes away", 80, 24) else {
        return;
    };
    tmux.line(&replay(""));
    tmux.wait_for("recording over");
    let process = format!("/proc/{}", tmux.pid_of("livelock"));
    drop(tmux);
    let begin = std::time::Instant::now();
    while std::path::Path::new(&process).exists() {
        let waited = begin.elapsed();
        assert!(waited < std::time::Duration::from_secs(20), "it runs on");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Run by the next test in a terminal: takes it, and panics.
#[test]
#[ignore = "takes the terminal that it runs in, and panics"]
fn panics_on_the_screen() {
    let mut screen = livelock_cli::run::screen::FullScreen::enter().expect("a terminal");
    screen
        .draw(|buffer| buffer.set_string(0, 0, "about to panic", ratatui::style::Style::new()))
        .expect("a frame");
    eprintln!("said while the screen was shown");
    std::thread::sleep(std::time::Duration::from_secs(2));
    panic!("on purpose");
}

#[test]
fn after_a_panic() {
    let Some(tmux) = Tmux::start("a panic", 100, 30) else {
        return;
    };
    let before = tmux.modes();
    let program = std::env::current_exe().expect("this test");
    tmux.run(&format!(
        "RUST_BACKTRACE=0 {} --ignored --exact restored::panics_on_the_screen --nocapture --test-threads 1",
        program.display()
    ));
    tmux.wait_for("about to panic");
    assert!(tmux.is_full_screen());
    let (code, shown) = tmux.exit_code();
    assert_eq!(code, 101, "{shown}");
    assert!(
        shown.contains("on purpose"),
        "the panic is not told:\n{shown}"
    );
    assert!(shown.contains("said while the screen was shown"), "{shown}");
    assert!(!shown.contains("about to panic"), "{shown}");
    assert_eq!(tmux.modes(), before);
}
