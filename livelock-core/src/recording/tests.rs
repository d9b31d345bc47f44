//! Bytes that are whole, cut, damaged, foreign or made up.

use proptest::prelude::*;

use super::*;
use crate::event::{Event, LockKind, SampleEvent, SampleMode, TaskRef, WaitEvent};
use crate::host::{HostFacts, SamplerSource, SpinlockFlavour};
use crate::ids::{CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};
use crate::scope::Scope;

fn opening() -> Opening {
    Opening {
        tool_version: "0.1.0".to_owned(),
        began_unix_ms: 1_700_000_000_000,
        host: HostFacts {
            hostname: "h".to_owned(),
            kernel_release: "6.18.0".to_owned(),
            kernel_build_id: None,
            arch: "x86_64".to_owned(),
            nr_cpus_online: 2,
            nr_cpus_possible: 2,
            hypervisor: None,
            spinlocks: SpinlockFlavour::Native,
            sampler: SamplerSource::PmuNmi,
            has_contended_release: true,
            has_lockdep: false,
            idle_by_clock: Some(true),
            hardirq_by_clock: Some(true),
            load_1m: Some(0.5),
        },
        blind_spots: Vec::new(),
        scope: Scope::default(),
        nr_cpus_online: 2,
        window_ns: 400_000_000,
        duration_ns: Some(5_000_000_000),
        max_level: 1,
        sources: Vec::new(),
        first_readings: Vec::new(),
        filter: crate::filter::Filter::default(),
        topology: crate::topology::Topology::default(),
        nr_pieces_before: 0,
    }
}

fn wait(number: u32) -> Event {
    Event::Wait(WaitEvent {
        lock: LockAddr(0xffff_8880_0123_4540 + u64::from(number % 7)),
        kind: if number.is_multiple_of(2) {
            LockKind::Mutex
        } else {
            LockKind::Spinlock
        },
        begin: MonotonicNs(u64::from(number) * 1000),
        in_line_after_ns: number.is_multiple_of(4).then_some(300),
        end: MonotonicNs(u64::from(number) * 1000 + 700),
        spin_ns: 700,
        pid: Pid(number),
        tgid: Tgid(7),
        cpu: CpuId(number % 2),
        stack: number.is_multiple_of(3).then_some(StackId {
            cpu: CpuId(1),
            number,
        }),
        acquired: true,
    })
}

fn close(nr_events: u32) -> Close {
    Close {
        begin: MonotonicNs(0),
        end: MonotonicNs(1_000_000_000),
        ended_unix_ms: 1_700_000_001_000,
        events: (0..nr_events).map(wait).collect(),
        readings: Vec::new(),
        code: Vec::new(),
        attempts: Vec::new(),
        names: NewNames::default(),
    }
}

fn bytes_of(records: &[Record]) -> Vec<u8> {
    let mut bytes = preamble();
    for record in records {
        bytes.extend(encode(record).expect("a frame"));
    }
    bytes
}

fn whole() -> Vec<u8> {
    let mut records = vec![
        Record::Opening(Box::new(opening())),
        Record::Baseline(Baseline {
            at: MonotonicNs(0),
            events: Vec::new(),
        }),
    ];
    records.extend(chunks(close(20)));
    records.push(Record::Closing(Closing {
        ended_by: EndedBy::Duration,
        nr_windows: 1,
        ended_unix_ms: 1_700_000_001_000,
    }));
    bytes_of(&records)
}

/// Plays to the end: the windows, and how it ended.
fn play(bytes: &[u8]) -> Result<(usize, EndedBy, Tail), RecordingError> {
    let mut player = Player::open(bytes)?;
    let mut nr_windows = 0;
    while player.play()?.is_some() {
        nr_windows += 1;
    }
    Ok((nr_windows, player.ended_by(), player.tail()))
}

#[test]
fn records_come_back_as_they_went() {
    let records = [
        Record::Opening(Box::new(opening())),
        Record::Events(vec![
            wait(3),
            Event::RecursionMisses(None),
            Event::Undecodable(u64::MAX),
            Event::Sample(SampleEvent {
                cpu: CpuId(1),
                taken: MonotonicNs(u64::MAX),
                task: TaskRef {
                    pid: Pid(1),
                    tgid: Tgid(1),
                    comm: Some("x".to_owned()),
                },
                mode: SampleMode::User,
                in_traced_spin: false,
                in_self: false,
                prio: Some(120),
                user_ip: Some(CodeAddr(0x4000)),
                first_arg: None,
                frames: Vec::new(),
            }),
        ]),
        Record::Window(close(3)),
    ];
    let bytes = bytes_of(&records);
    let mut frames = Frames::of(&bytes).expect("a recording");
    for record in &records {
        let read = frames.next_record().expect("a frame");
        assert_eq!(read.as_ref(), Some(record));
    }
    assert_eq!(frames.next_record().expect("the end"), None);
    assert_eq!(frames.tail(), Tail::Whole);
}

#[test]
fn a_window_of_many_events_is_several_frames_and_one_window() {
    let nr = u32::try_from(2 * NR_EVENTS_A_FRAME + 1).expect("a number");
    let mut records = vec![Record::Opening(Box::new(opening()))];
    records.extend(chunks(close(nr)));
    assert_eq!(records.len(), 4);
    let bytes = bytes_of(&records);
    let mut player = Player::open(&bytes).expect("a recording");
    let Some(Played::Window { window, .. }) = player.play().expect("a window") else {
        panic!("no window");
    };
    assert_eq!(window.waits.len(), 2 * NR_EVENTS_A_FRAME + 1);
    assert!(player.play().expect("the end").is_none());
    assert_eq!(player.ended_by(), EndedBy::Truncated);
}

#[test]
fn what_is_no_recording_is_told_apart() {
    let newer = {
        let mut bytes = whole();
        bytes[8] = 2;
        bytes
    };
    assert!(matches!(play(b""), Err(RecordingError::Empty)));
    assert!(matches!(play(&whole()[..10]), Err(RecordingError::Empty)));
    assert!(matches!(play(&preamble()), Err(RecordingError::Empty)));
    assert!(matches!(
        play(b"{\"schema\": 1}"),
        Err(RecordingError::Foreign)
    ));
    assert!(matches!(
        play(&newer),
        Err(RecordingError::Newer { found: 2, known: 1 })
    ));
    let headless = bytes_of(&[Record::Window(close(1))]);
    assert!(matches!(
        play(&headless),
        Err(RecordingError::NoOpening { .. })
    ));
}

#[test]
fn a_frame_that_claims_much_gets_nothing() {
    let mut bytes = preamble();
    for len in [u32::MAX, u32::MAX, 0] {
        bytes.extend(len.to_le_bytes());
    }
    let mut frames = Frames::of(&bytes).expect("a preamble");
    assert!(frames.next_record().expect("torn").is_none());
    assert_eq!(frames.tail(), Tail::Torn { nr_bytes: 12 });
}

proptest! {
    #[test]
    fn what_was_written_before_a_cut_is_there(share in 0.0_f64..1.0) {
        let bytes = whole();
        let cut = (bytes.len() as f64 * share) as usize;
        match play(&bytes[..cut]) {
            Ok((nr_windows, ended_by, _)) => {
                prop_assert!(nr_windows <= 1);
                prop_assert_eq!(ended_by, EndedBy::Truncated);
            }
            Err(RecordingError::Empty | RecordingError::NoOpening { .. }) => {}
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn a_flipped_bit_never_makes_another_recording(at in 12_usize..400, bit in 0_u8..8) {
        let mut bytes = whole();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok((_, ended_by, tail)) = play(&bytes) {
            prop_assert_eq!(ended_by, EndedBy::Truncated);
            prop_assert!(tail != Tail::Whole);
        }
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..512),
        is_recording in any::<bool>(),
    ) {
        let mut all = if is_recording { preamble() } else { Vec::new() };
        all.extend(bytes);
        let _ = play(&all);
    }

    /// A checksum keeps damage out, not malice: the payload may be anything.
    #[test]
    fn any_payload_is_survived(payload in prop::collection::vec(any::<u8>(), 0..512)) {
        let packed = zstd::bulk::compress(&payload, 1).expect("a frame");
        let lens = [
            u32::try_from(packed.len()).expect("short").to_le_bytes(),
            u32::try_from(payload.len()).expect("short").to_le_bytes(),
        ].concat();
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&lens);
        hasher.update(&packed);
        let bytes = [preamble(), lens, hasher.finalize().to_le_bytes().to_vec(), packed].concat();
        let _ = play(&bytes);
    }
}
