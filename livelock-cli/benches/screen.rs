//! What the full screen of a machine with 256 CPUs costs: `cargo xtask bench screen`.
//!
//! In: windows of a machine that does not exist. Out: the time of a full redraw, and the share of a core that ten frames a
//! second take, as a line each; exit code 0 if both targets are met, 1 if not. Refuses: to measure a terminal; frames go
//! to `/dev/null` as the bytes that a terminal would get.

#[path = "../src/screen/synthetic.rs"]
mod synthetic;

use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use livelock_cli::render::WindowSummary;
use livelock_cli::screen::{Effect, Glyphs, Key, Look, Screen, Snapshot, Source, draw};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use synthetic::{Load, Machine};

const NR_CPUS: u32 = 256;
/// The smallest terminal that is promised, a common large one, a wall.
const SIZES: [(u16, u16); 3] = [(80, 24), (200, 50), (400, 100)];
/// Windows before measuring: the history is as long as it gets in some minutes.
const NR_BEFORE: usize = 180;
/// Redraws of each size.
const NR_REDRAWS: usize = 300;
/// One refresh of a display at 60 Hz.
const TARGET_REDRAW: Duration = Duration::from_millis(16);
const FRAMES_PER_SEC: u32 = 10;
const TARGET_CORE_PCT: f64 = 5.0;
const MEASURED: Duration = Duration::from_secs(20);

/// Keys that change what every part of the screen shows, and both directions back.
const KEYS: [Key; 12] = [
    Key::Down,
    Key::Char('s'),
    Key::Tab,
    Key::Char('+'),
    Key::Right,
    Key::Char('['),
    Key::Enter,
    Key::Down,
    Key::Enter,
    Key::Char(']'),
    Key::Char('+'),
    Key::Char(' '),
];

type Wall = Terminal<CrosstermBackend<BufWriter<File>>>;

fn terminal((width, height): (u16, u16)) -> std::io::Result<Wall> {
    let sink = File::options().write(true).open("/dev/null")?;
    let backend = CrosstermBackend::new(BufWriter::with_capacity(64 << 10, sink));
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(backend, TerminalOptions { viewport })
}

fn frame(screen: &mut Screen, terminal: &mut Wall) -> std::io::Result<()> {
    let look = Look::new(true, Glyphs::Unicode);
    let mut drawn = None;
    terminal.draw(|frame| drawn = Some(draw(screen, look, frame.buffer_mut())))?;
    if let Some(drawn) = drawn {
        screen.drawn(drawn);
    }
    Ok(())
}

/// Redraws of everything, each on a terminal that shows nothing yet, sorted.
fn redraws(screen: &mut Screen, size: (u16, u16)) -> std::io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for number in 0..NR_REDRAWS {
        let mut blank = terminal(size)?;
        let begin = Instant::now();
        let effect = screen.key(KEYS[number % KEYS.len()]);
        frame(screen, &mut blank)?;
        times.push(begin.elapsed());
        assert!(matches!(effect, Effect::None), "{effect:?}");
    }
    times.sort_unstable();
    Ok(times)
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call, which writes one `timespec`; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Share of a core in percent that ten frames a second take, a window each second judged and taken in included; making
/// the window up is not.
fn core_pct(machine: &mut Machine, screen: &mut Screen) -> std::io::Result<f64> {
    let mut terminal = terminal((200, 50))?;
    let begin = Instant::now();
    let mut spent = Duration::ZERO;
    let mut number = 0u32;
    while begin.elapsed() < MEASURED {
        let window = number
            .is_multiple_of(FRAMES_PER_SEC)
            .then(|| machine.window(Load::Spin));
        let before = cpu_time();
        if let Some(window) = window {
            screen.feed(machine.judged(&window));
        }
        screen.key(KEYS[number as usize % KEYS.len()]);
        frame(screen, &mut terminal)?;
        spent += cpu_time() - before;
        number += 1;
        let next = begin + Duration::from_secs(1) / FRAMES_PER_SEC * number;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(100.0 * spent.as_secs_f64() / begin.elapsed().as_secs_f64())
}

fn main() -> std::io::Result<ExitCode> {
    let mut machine = Machine::new(NR_CPUS);
    let mut screen = Screen::new(Source::Host);
    screen.begin(&machine.opening());
    for number in 0..NR_BEFORE {
        // What was before the live lock, too.
        let load = if number < NR_BEFORE / 3 {
            Load::Compute
        } else {
            Load::Spin
        };
        screen.feed(machine.next(load));
    }
    let mut is_fast = true;
    for size in SIZES {
        let times = redraws(&mut screen, size)?;
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        let slowest = times[times.len() - 1];
        is_fast &= slowest <= TARGET_REDRAW;
        println!(
            "full redraw, {NR_CPUS} CPUs, {}x{}: p50 {:.2} ms, p99 {:.2} ms, slowest of {} {:.2} ms (target: {} ms)",
            size.0,
            size.1,
            at(50),
            at(99),
            times.len(),
            slowest.as_secs_f64() * 1e3,
            TARGET_REDRAW.as_millis(),
        );
    }
    let core_pct = core_pct(&mut machine, &mut screen)?;
    println!(
        "{FRAMES_PER_SEC} frames a second, {NR_CPUS} CPUs, 200x50, a window a second judged: {core_pct:.2} % of a core \
         (target: {TARGET_CORE_PCT} %)"
    );
    let is_met = is_fast && core_pct <= TARGET_CORE_PCT;
    println!("targets {}", if is_met { "met" } else { "missed" });
    Ok(if is_met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
