//! The trace of a recording, decoded again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use livelock_core::recording::{Played, Player};
use prost::Message as _;

use super::packet::{EventType, Trace as Packets};
use super::*;
use crate::render::{WindowSummary, specimen};

fn trace_of(recording: &str) -> Packets {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../livelock-core/tests/scenarios");
    let bytes = std::fs::read(folder.join(recording)).expect(recording);
    let mut player = Player::open(&bytes).expect("a recording");
    let mut judge = player.opening().judge();
    let mut trace = Trace::default();
    let mut written = Exporter::begin(&mut trace, player.opening()).expect("begin");
    let mut number = 0;
    while let Some(played) = player.play().expect("a frame") {
        let Played::Window {
            window,
            readings,
            ended_unix_ms,
        } = played
        else {
            continue;
        };
        judge.declare(readings);
        judge.observe(&window, player.names());
        number += 1;
        let moment = Moment {
            summary: &WindowSummary {
                number,
                ended_unix_ms,
                ..specimen::window()
            },
            verdict: &judge.recent_verdict(player.names()),
            burned_part: None,
            window: &window,
            judge: &judge,
            names: player.names(),
        };
        written.extend(trace.window(&moment).expect("a window"));
    }
    let verdict = judge.recent_verdict(player.names());
    let summary = crate::render::StreamSummary::new(
        crate::render::EndedBy::Duration,
        number,
        Some(verdict.status),
        verdict.accounting.clone(),
        Some(verdict.self_cost),
    );
    let ending = Ending {
        summary: &summary,
        judge: &judge,
        names: player.names(),
    };
    written.extend(Exporter::end(&mut trace, &ending).expect("the end"));
    Packets::decode(written.as_slice()).expect("protobuf")
}

/// Slices by track, in the order of time, those that begin earlier and last longer first.
fn slices(packets: &Packets) -> BTreeMap<u64, Vec<(u64, Option<u64>)>> {
    let mut slices: BTreeMap<u64, Vec<(u64, Option<u64>)>> = BTreeMap::new();
    for packet in &packets.packet {
        let Some(event) = &packet.track_event else {
            continue;
        };
        let track = event.track_uuid.expect("a track");
        let at = packet.timestamp.expect("a time");
        let mine = slices.entry(track).or_default();
        match event.r#type() {
            EventType::SliceBegin => mine.push((at, None)),
            // Each is written with its end behind it.
            EventType::SliceEnd => mine.last_mut().expect("a begin").1 = Some(at),
            _ => {}
        }
    }
    for mine in slices.values_mut() {
        mine.sort_by_key(|(begin, end)| (*begin, std::cmp::Reverse(end.unwrap_or(u64::MAX))));
    }
    slices
}

#[test]
fn each_event_has_a_track_and_each_track_a_parent() {
    let packets = trace_of("7.3-6-fd-table-1.llrec");
    let mut described = BTreeSet::new();
    let mut names = BTreeSet::new();
    for packet in &packets.packet {
        assert_eq!(packet.trusted_packet_sequence_id, Some(1));
        if let Some(track) = &packet.track_descriptor {
            assert!(
                described.insert(track.uuid.expect("an id")),
                "{track:?} twice"
            );
            assert!(
                track
                    .parent_uuid
                    .is_none_or(|parent| described.contains(&parent))
            );
            names.insert(track.name.clone().expect("a name"));
        }
        if let Some(event) = &packet.track_event {
            let track = event.track_uuid.expect("a track");
            assert!(described.contains(&track), "{event:?} before its track");
        }
    }
    for cpu in 0..6 {
        assert!(names.contains(&format!("CPU {cpu}")), "{names:?}");
    }
    assert!(names.contains("held by"));
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("lock files_struct.file_lock 0x")),
        "{names:?}"
    );
    let markers: Vec<_> = packets
        .packet
        .iter()
        .filter_map(|packet| packet.track_event.as_ref())
        .filter(|event| event.r#type() == EventType::Instant)
        .filter_map(|event| event.name.as_deref())
        .collect();
    assert!(
        markers.contains(&status_word(Status::Livelock)),
        "{markers:?}"
    );
    assert_eq!(markers.last(), Some(&"end of the session"));
}

#[test]
fn slices_of_a_track_are_inside_one_another_or_apart() {
    for recording in ["7.3-6-fd-table-1.llrec", "6.18-2-mutex-contended.llrec"] {
        let slices = slices(&trace_of(recording));
        let nr: usize = slices.values().map(Vec::len).sum();
        assert!(nr >= 50, "{recording}: only {nr} slices");
        for (track, mine) in slices {
            let mut open: Vec<u64> = Vec::new();
            for (begin, end) in mine {
                let end = end.unwrap_or(u64::MAX);
                assert!(begin <= end);
                while open.last().is_some_and(|&outer| outer <= begin) {
                    open.pop();
                }
                if let Some(&outer) = open.last() {
                    assert!(
                        end <= outer,
                        "{recording}, track {track}: {begin} to {end} crosses {outer}"
                    );
                }
                open.push(end);
            }
        }
    }
}
