//! What keys do.

use super::*;
use crate::screen::Effect;

fn spinning() -> Screen {
    screen_of(16, &[Load::Spin; 8])
}

#[test]
fn q_quits_and_control_c_interrupts() {
    let mut screen = spinning();
    assert_eq!(screen.key(Key::Char('q')), Effect::Quit);
    assert_eq!(screen.key(Key::Interrupt), Effect::Interrupt);
    assert_eq!(screen.key(Key::Suspend), Effect::Suspend);
    assert_eq!(screen.key(Key::Redraw), Effect::Redraw);
    screen.key(Key::Char('/'));
    assert_eq!(screen.key(Key::Char('q')), Effect::None, "it is typed");
    assert_eq!(screen.key(Key::Interrupt), Effect::Interrupt);
}

#[test]
fn escape_undoes_one_thing_at_a_time() {
    let mut screen = spinning();
    press(&mut screen, "/table\n \n");
    assert!(screen.is_open && screen.frozen.is_some() && screen.filter == "table");
    press(&mut screen, "\u{1b}");
    assert!(!screen.is_open && screen.filter == "table");
    press(&mut screen, "\u{1b}");
    assert!(screen.filter.is_empty() && screen.frozen.is_some());
    press(&mut screen, "\u{1b}");
    assert!(screen.frozen.is_none());
    press(&mut screen, "\u{1b}");
    assert!(screen.notice.is_some(), "it says how to leave");
}

#[test]
fn a_frozen_view_stays_while_windows_come() {
    let mut machine = Machine::new(4);
    let mut screen = Screen::new(Source::Host);
    screen.begin(&machine.opening());
    for _ in 0..7 {
        screen.feed(machine.next(Load::Spin));
    }
    press(&mut screen, " ");
    let before = shown(&mut screen, 80, 24);
    assert!(before.contains("FROZEN, 0 newer"), "{before}");
    for _ in 0..7 {
        screen.feed(machine.next(Load::Idle));
    }
    let after = shown(&mut screen, 80, 24);
    assert_eq!(after, before.replace("FROZEN, 0 newer", "FROZEN, 7 newer"));
    press(&mut screen, " ");
    let live = shown(&mut screen, 80, 24);
    assert!(
        live.contains("  live") && live.contains("window 14"),
        "{live}"
    );
}

#[test]
fn brackets_step_through_the_history() {
    let mut screen = spinning();
    press(&mut screen, "[[");
    assert_eq!(screen.shown().map(|entry| entry.number()), Some(6));
    press(&mut screen, "]");
    assert_eq!(screen.shown().map(|entry| entry.number()), Some(7));
    press(&mut screen, "[[[[[[[[[[");
    assert_eq!(screen.shown().map(|entry| entry.number()), Some(1));
    assert!(screen.notice.is_some(), "there is nothing before");
    press(&mut screen, "]]]]]]]]]]");
    assert_eq!(screen.shown().map(|entry| entry.number()), Some(8));
    assert!(screen.frozen.is_some(), "only space lets it go");
}

#[test]
fn a_recording_gives_its_next_window_when_asked() {
    let mut machine = Machine::new(4);
    let name = "x.llrec".to_owned();
    let mut screen = Screen::new(Source::Recording { name });
    screen.begin(&machine.opening());
    screen.feed(machine.next(Load::Spin));
    assert_eq!(screen.key(Key::Char(']')), Effect::Next);
    screen.feed(machine.next(Load::Spin));
    assert_eq!(screen.frozen.as_ref().map(|entry| entry.number()), Some(2));
    screen.feed(machine.next(Load::Spin));
    assert_eq!(screen.shown().map(|entry| entry.number()), Some(2));
    press(&mut screen, "]");
    screen.end();
    assert_eq!(screen.key(Key::Char(']')), Effect::None, "it is over");
}

#[test]
fn a_report_is_of_what_is_shown() {
    let mut screen = Screen::new(Source::Host);
    assert_eq!(screen.key(Key::Char('w')), Effect::None);
    assert!(screen.notice.is_some());
    let mut screen = spinning();
    press(&mut screen, "[[");
    let Effect::Write(snapshot) = screen.key(Key::Char('w')) else {
        panic!("nothing to write");
    };
    assert_eq!(snapshot.summary.number, 6);
}

#[test]
fn a_selection_survives_another_order() {
    let mut screen = spinning();
    let locks = screen.locks();
    assert!(locks.len() > 2, "too few locks for this test");
    let second = locks[1].addr.clone();
    press(&mut screen, "j");
    assert_eq!(screen.lock.as_ref(), Some(&second));
    press(&mut screen, "ssss");
    assert_eq!(screen.lock_order.name(), "name");
    let locks = screen.locks();
    assert_eq!(locks[screen.lock_index(&locks)].addr, second);
    let names: Vec<_> = locks.iter().map(|lock| lock.name.clone()).collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn the_grid_of_cpus_is_walked_in_two_directions() {
    let mut screen = screen_of(256, &[Load::Compute; 3]);
    press(&mut screen, "\t\t\t");
    shown(&mut screen, 80, 24);
    let cpus = screen.cpus();
    let nr_a_row = screen.drawn.nr_cpus_a_row;
    assert_eq!(nr_a_row, 79);
    press(&mut screen, "lj");
    assert_eq!(screen.cpu_index(&cpus), nr_a_row + 1);
    press(&mut screen, "kh");
    assert_eq!(screen.cpu_index(&cpus), 0);
    press(&mut screen, "h");
    assert_eq!(screen.cpu_index(&cpus), 0);
    screen.key(Key::End);
    assert_eq!(screen.cpu_index(&cpus), 255);
    let frame = shown(&mut screen, 80, 24);
    assert!(
        frame.contains(&format!("cpu {}:", cpus[255].0.0)),
        "{frame}"
    );
}

#[test]
fn a_filter_hides_and_says_so() {
    let mut screen = spinning();
    let nr_all = screen.locks().len();
    press(&mut screen, "/TASKLIST\n");
    assert_eq!(screen.locks().len(), 1);
    let frame = shown(&mut screen, 100, 30);
    assert!(
        frame.contains(&format!("1 of {nr_all} with \"TASKLIST\"")),
        "{frame}"
    );
    press(&mut screen, "/zzz");
    let none = shown(&mut screen, 100, 30);
    assert!(none.contains("none of the"), "{none}");
    assert!(none.contains("filter: TASKLISTzzz"), "{none}");
}

#[test]
fn merging_is_told() {
    let mut screen = spinning();
    press(&mut screen, "++");
    let frame = shown(&mut screen, 100, 30);
    assert!(frame.contains("CPUs over 5 windows"), "{frame}");
    assert!(
        frame.contains("a column for 5 windows, merged for display only"),
        "{frame}"
    );
    press(&mut screen, "------");
    assert_eq!(screen.nr_merged(), 1);
    press(&mut screen, "++++++++++++");
    assert_eq!(screen.nr_merged(), 60);
}

#[test]
fn a_detail_scrolls_within_its_text() {
    let mut screen = spinning();
    press(&mut screen, "\n");
    shown(&mut screen, 80, 24);
    let end = screen.drawn.nr_scrollable;
    assert!(end > 0, "the detail fits");
    screen.key(Key::End);
    assert_eq!(screen.scroll, end);
    screen.key(Key::Up);
    assert_eq!(screen.scroll, end - 1);
    screen.key(Key::Home);
    assert_eq!(screen.scroll, 0);
}
