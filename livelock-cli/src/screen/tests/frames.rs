//! What frames look like.

use livelock_core::recording::CUT_OFF;
use livelock_core::verdict::BlindSpot;
use ratatui::style::{Color, Modifier};

use super::*;
use crate::render::specimen;

/// Windows of a machine with the verdict of the specimen, whose words do not change with the rules.
fn with_verdict(nr_cpus: u32, loads: &[Load], verdict: &livelock_core::verdict::Verdict) -> Screen {
    let mut machine = Machine::new(nr_cpus);
    let mut screen = Screen::new(Source::Host);
    screen.begin(&machine.opening());
    for &load in loads {
        let mut snapshot: Snapshot = machine.next(load);
        snapshot.verdict = verdict.clone();
        for lock in &mut snapshot.verdict.locks {
            // That of the machine, so that its trend and its histogram are found.
            lock.addr = Some("0x1000".to_owned());
        }
        snapshot.summary.status = verdict.status;
        screen.feed(snapshot);
    }
    screen
}

fn live_lock() -> Screen {
    with_verdict(8, &[Load::Spin; 9], &specimen::livelock())
}

#[test]
fn live_lock_at_80x24() {
    insta::assert_snapshot!(shown(&mut live_lock(), 80, 24));
}

#[test]
fn live_lock_with_block_characters() {
    let look = Look::new(true, Glyphs::Unicode);
    let frame = text_of(&drawn(&mut live_lock(), look, 120, 40));
    insta::assert_snapshot!(frame);
}

#[test]
fn live_lock_in_a_very_wide_terminal() {
    insta::assert_snapshot!(shown(&mut live_lock(), 220, 50));
}

#[test]
fn healthy() {
    let mut screen = with_verdict(4, &[Load::Idle; 7], &specimen::healthy());
    insta::assert_snapshot!(shown(&mut screen, 80, 24));
}

#[test]
fn cannot_tell() {
    let mut screen = screen_of(4, &[Load::Unseen; 7]);
    let frame = shown(&mut screen, 80, 24);
    assert!(frame.contains("CANNOT TELL"), "{frame}");
    assert!(frame.contains("busy unknown"), "{frame}");
    insta::assert_snapshot!(frame);
}

#[test]
fn nothing_seen_yet() {
    let mut screen = Screen::new(Source::Host);
    let before = shown(&mut screen, 80, 24);
    assert!(before.contains("the probes are being attached"), "{before}");
    screen.begin(&Machine::new(4).opening());
    insta::assert_snapshot!(shown(&mut screen, 80, 24));
    screen.feed(Machine::new(4).next(Load::Spin));
    let first = shown(&mut screen, 80, 24);
    assert!(first.contains("COLLECTING"), "{first}");
}

#[test]
fn every_cpu_of_256_has_its_letter_at_80x24() {
    let mut screen = screen_of(256, &[Load::Spin; 7]);
    let frame = shown(&mut screen, 80, 24);
    let strip: String = frame
        .lines()
        .skip_while(|line| !line.starts_with(" all "))
        .skip(1)
        .take_while(|line| !line.starts_with('-'))
        .collect();
    let nr_letters = strip.chars().filter(|c| *c == 'X').count();
    assert_eq!(nr_letters, 256, "{frame}");
    assert!(!frame.contains("more CPUs"), "{frame}");
    insta::assert_snapshot!(frame);
}

#[test]
fn what_has_no_room_is_counted() {
    let mut screen = screen_of(4096, &[Load::Compute; 3]);
    let frame = shown(&mut screen, 80, 24);
    assert!(frame.contains("more CPUs"), "{frame}");
}

#[test]
fn details() {
    for (pane, keys) in [
        ("lock", "\n"),
        ("cost", "\t\n"),
        ("evidence", "\t\t\n"),
        ("cpu", "\t\t\t\n"),
        ("windows", "\t\t\t\t\n"),
    ] {
        let mut screen = live_lock();
        press(&mut screen, keys);
        let frame = shown(&mut screen, 100, 46);
        insta::assert_snapshot!(format!("detail_{pane}"), frame);
    }
}

#[test]
fn a_recording_without_an_end_says_so() {
    let mut machine = Machine::new(4);
    let mut opening = machine.opening();
    opening.blind_spots.push(BlindSpot {
        id: CUT_OFF.to_owned(),
        what: String::new(),
        mitigation: String::new(),
    });
    let mut screen = Screen::new(Source::Recording {
        name: "web42.llrec".to_owned(),
    });
    screen.begin(&opening);
    screen.feed(machine.next(Load::Spin));
    assert!(shown(&mut screen, 120, 24).contains("COLLECTING"));
    screen.end();
    let over = shown(&mut screen, 120, 24);
    assert!(over.contains("recording cut off here"), "{over}");
    assert!(!over.contains("COLLECTING"), "no more windows come");
}

#[test]
fn two_locks_of_one_name_are_told_apart() {
    let mut screen = live_lock();
    let mut snapshot = screen.shown().expect("a window").snapshot.as_ref().clone();
    let mut twin = snapshot.verdict.locks[0].clone();
    twin.addr = Some("0xff4ad0deadbeef40".to_owned());
    snapshot.verdict.locks.insert(1, twin);
    screen.feed(snapshot);
    let frame = shown(&mut screen, 100, 24);
    assert!(frame.contains("..eef40"), "{frame}");
}

#[test]
fn the_keys() {
    let mut screen = live_lock();
    press(&mut screen, "?");
    insta::assert_snapshot!(shown(&mut screen, 80, 24));
}

#[test]
fn small_terminals_say_so() {
    let frame = shown(&mut live_lock(), 39, 9);
    assert!(frame.contains("LIVE LOCK"), "{frame}");
    assert!(frame.contains("39x9 is too small"), "{frame}");
}

#[test]
fn names_cannot_command_the_terminal() {
    let mut screen = live_lock();
    press(&mut screen, "\n");
    for (width, height) in [(80, 24), (200, 50)] {
        let frame = shown(&mut screen, width, height);
        assert!(!frame.contains('\u{1b}'), "{frame:?}");
    }
}

#[test]
fn ascii_is_ascii_and_without_colour_there_is_none() {
    for keys in [
        "",
        "\n",
        "\t\n",
        "\t\t\n",
        "\t\t\t",
        "\t\t\t\n",
        "\t\t\t\t\n",
        "?",
        "/fd",
    ] {
        let mut screen = live_lock();
        press(&mut screen, keys);
        let buffer = drawn(&mut screen, ascii(), 120, 40);
        assert!(
            text_of(&buffer).is_ascii(),
            "{keys:?}: {}",
            text_of(&buffer)
        );
        for cell in buffer.content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{keys:?}");
        }
    }
}

/// What colours say, letters say, too: the same frame with and without them.
#[test]
fn colour_carries_nothing_alone() {
    let with = drawn(&mut live_lock(), Look::new(true, Glyphs::Ascii), 120, 40);
    let without = drawn(&mut live_lock(), ascii(), 120, 40);
    assert_eq!(text_of(&with), text_of(&without));
    assert!(with.content().iter().any(|cell| cell.bg == Color::Red));
    let title = &with.content()[1];
    assert!(title.modifier.contains(Modifier::REVERSED));
}
