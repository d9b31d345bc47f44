//! A recording instead of a host.
//!
//! In: the bytes of a recording. Out: its windows, judged as they were live. Refuses: to hide that the end of it is
//! missing.

use anyhow::Context as _;
use livelock_core::filter::Filter;
use livelock_core::recording::{CUT_OFF, EndedBy, Played, Player, Tail};
use livelock_core::verdict::BlindSpot;

use super::output::Written;
use super::session::{Bench, Listener, Outcome};
use crate::record::Input;

/// Plays `input` to its end.
pub(super) fn observe(
    input: &Input,
    filter: &Filter,
    listener: &mut impl Listener,
) -> anyhow::Result<Outcome> {
    let bytes = input.read()?;
    let name = input.path();
    let context = || format!("replay {}", name.display());
    // What is missing at the end is known only there, and is said from the begin.
    let is_truncated =
        ended_by(&bytes, &name.display().to_string()).with_context(context)? == EndedBy::Truncated;
    let mut player = Player::open(&bytes).with_context(context)?;
    let mut opening = player.opening().clone();
    opening.filter = opening.filter.overridden_by(filter.clone());
    if is_truncated {
        opening.blind_spots.push(truncated());
    }
    let mut bench = Bench::of(&opening);
    let mut written = listener.begin(&opening)?;
    while written == Written::Yes
        && let Some(played) = player.play().with_context(context)?
    {
        match played {
            Played::Rest(rest) => bench.settle(&rest),
            Played::Window {
                window,
                readings,
                ended_unix_ms,
            } => {
                let names = player.names();
                let seen = bench.observe(&window, readings, names);
                written = bench.tell(&window, &seen, ended_unix_ms, names, listener)?;
            }
        }
    }
    let by = match written {
        Written::Yes => player.ended_by(),
        Written::PipeClosed => EndedBy::ClosedPipe,
    };
    let names = Box::new(player.names().clone());
    Ok(Outcome::Ended(Box::new(bench.end(by, names, None))))
}

/// How the recording ends; says so if it was cut off.
fn ended_by(bytes: &[u8], name: &str) -> Result<EndedBy, livelock_core::recording::RecordingError> {
    let mut player = Player::open(bytes)?;
    while player.skip()? {}
    let ended_by = player.ended_by();
    match (ended_by, player.tail()) {
        (EndedBy::Truncated, Tail::Torn { nr_bytes }) => eprintln!(
            "livelock: {name} was cut off or damaged: its last {nr_bytes} bytes cannot be read; what comes before \
             them is replayed"
        ),
        (EndedBy::Truncated, Tail::Whole) => eprintln!(
            "livelock: {name} was cut off: it has no summary; all that was written is replayed"
        ),
        (_, Tail::Torn { nr_bytes }) => eprintln!(
            "livelock: {name} goes on for {nr_bytes} bytes after the end of its recording, which are not replayed; \
             replay the pieces of a recording one by one"
        ),
        _ => {}
    }
    Ok(ended_by)
}

fn truncated() -> BlindSpot {
    BlindSpot {
        id: CUT_OFF.to_owned(),
        what: "the recording was cut off: what happened after its last window is not in it"
            .to_owned(),
        mitigation: "record until the end: Ctrl-C and SIGTERM end a recording with a summary"
            .to_owned(),
    }
}
