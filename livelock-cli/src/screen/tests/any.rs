//! No sequence of keys, windows and sizes panics, and memory has an end.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::screen::history::History;

const ESCAPE: char = '\u{1b}';

#[derive(Clone, Debug)]
enum Step {
    Key(Key),
    Window(usize),
    Frame(u16, u16, bool),
    End,
}

fn key() -> impl Strategy<Value = Key> {
    let keys = [
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
        Key::Interrupt,
        Key::Suspend,
        Key::Redraw,
    ];
    prop_oneof![
        prop::sample::select(keys.to_vec()),
        prop::sample::select("q?hjkl/s []w+-gGabc".chars().collect::<Vec<_>>()).prop_map(Key::Char),
        any::<char>().prop_map(Key::Char),
    ]
}

const LOADS: [Load; 4] = [Load::Spin, Load::Compute, Load::Idle, Load::Unseen];

/// A window of each load on each of some machines, made once: making them is what takes time.
static WINDOWS: LazyLock<Vec<(Machine, Vec<Snapshot>)>> = LazyLock::new(|| {
    let machines = [1, 2, 7, 64, 300].map(|nr_cpus| {
        let mut machine = Machine::new(nr_cpus);
        let windows = LOADS.map(|load| machine.next(load)).to_vec();
        (machine, windows)
    });
    machines.into()
});

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => key().prop_map(Step::Key),
        2 => (0..LOADS.len()).prop_map(Step::Window),
        3 => (0u16..260, 0u16..70, any::<bool>()).prop_map(|(w, h, color)| Step::Frame(w, h, color)),
        1 => Just(Step::End),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_be_typed_at_any_size(
        steps in prop::collection::vec(step(), 1..40),
        which in 0..WINDOWS.len(),
        is_recording in any::<bool>(),
    ) {
        let (machine, windows) = &WINDOWS[which];
        let mut nr_windows = 0;
        let source = if is_recording {
            Source::Recording { name: "x\u{1b}.llrec".to_owned() }
        } else {
            Source::Host
        };
        let mut screen = Screen::new(source);
        screen.begin(&machine.opening());
        for step in steps {
            match step {
                Step::Key(key) => drop(screen.key(key)),
                Step::Window(load) => {
                    let mut window = windows[load].clone();
                    nr_windows += 1;
                    window.summary.number = nr_windows;
                    screen.feed(window);
                }
                Step::Frame(width, height, has_color) => {
                    let look = Look::new(has_color, Glyphs::Unicode);
                    let buffer = drawn(&mut screen, look, width, height);
                    prop_assert!(!text_of(&buffer).contains(ESCAPE));
                }
                Step::End => screen.end(),
            }
        }
        drawn(&mut screen, ascii(), 80, 24);
    }
}

#[test]
fn the_past_is_bounded() {
    let mut machine = Machine::new(256);
    let snapshot = machine.next(Load::Spin);
    let mut history = History::default();
    for number in 1..=2000 {
        let mut next = snapshot.clone();
        next.summary.number = number;
        history.push(next);
    }
    assert!(history.nr_bytes() <= 32 << 20, "{}", history.nr_bytes());
    assert!(history.nr_entries() >= 60, "{}", history.nr_entries());
    let newest = history.newest().map(|entry| entry.number());
    assert_eq!(newest, Some(2000));
    assert_eq!(history.points_until(2000).count(), 2000);
}
