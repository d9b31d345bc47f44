//! Packets of one kind each.
//!
//! In: what to draw on which track. Out: packets of our one sequence. Refuses: slices that end before they begin.

use livelock_core::ids::MonotonicNs;

use super::packet::{DebugAnnotation, EventType, Trace, TracePacket, TrackDescriptor, TrackEvent};

/// `BUILTIN_CLOCK_REALTIME`.
pub(super) const CLOCK_REALTIME: u32 = 1;
/// `BUILTIN_CLOCK_MONOTONIC`, the clock of the kernel programs.
pub(super) const CLOCK_MONOTONIC: u32 = 3;

/// One writer, one sequence; 0 is not allowed.
const SEQUENCE: u32 = 1;

/// Packets to come.
#[derive(Default)]
pub(super) struct Paper {
    packets: Vec<TracePacket>,
}

impl Paper {
    pub(super) fn into_trace(self) -> Trace {
        Trace {
            packet: self.packets,
        }
    }

    pub(super) fn add(&mut self, packet: TracePacket) {
        self.packets.push(TracePacket {
            trusted_packet_sequence_id: Some(SEQUENCE),
            ..packet
        });
    }

    pub(super) fn describe(&mut self, track: TrackDescriptor) {
        self.add(TracePacket {
            track_descriptor: Some(track),
            ..TracePacket::default()
        });
    }

    fn event(&mut self, at: MonotonicNs, kind: EventType, track: u64, event: TrackEvent) {
        self.add(TracePacket {
            timestamp: Some(at.0),
            timestamp_clock_id: Some(CLOCK_MONOTONIC),
            track_event: Some(TrackEvent {
                r#type: Some(kind.into()),
                track_uuid: Some(track),
                ..event
            }),
            ..TracePacket::default()
        });
    }

    pub(super) fn open_slice(
        &mut self,
        track: u64,
        category: &str,
        name: &str,
        begin: MonotonicNs,
        notes: Vec<DebugAnnotation>,
    ) {
        let event = TrackEvent {
            categories: vec![category.to_owned()],
            name: Some(name.to_owned()),
            debug_annotations: notes,
            ..TrackEvent::default()
        };
        self.event(begin, EventType::SliceBegin, track, event);
    }

    pub(super) fn slice(
        &mut self,
        track: u64,
        category: &str,
        name: &str,
        begin: MonotonicNs,
        end: MonotonicNs,
        notes: Vec<DebugAnnotation>,
    ) {
        self.open_slice(track, category, name, begin, notes);
        self.event(
            end.max(begin),
            EventType::SliceEnd,
            track,
            TrackEvent::default(),
        );
    }

    pub(super) fn instant(
        &mut self,
        track: u64,
        name: &str,
        at: MonotonicNs,
        notes: Vec<DebugAnnotation>,
    ) {
        let event = TrackEvent {
            categories: vec!["verdict".to_owned()],
            name: Some(name.to_owned()),
            debug_annotations: notes,
            ..TrackEvent::default()
        };
        self.event(at, EventType::Instant, track, event);
    }

    pub(super) fn counter(&mut self, track: u64, value: f64, at: MonotonicNs) {
        let event = TrackEvent {
            double_counter_value: Some(value),
            ..TrackEvent::default()
        };
        self.event(at, EventType::Counter, track, event);
    }
}

/// A note with a number.
pub(super) fn number(name: &str, value: u64) -> DebugAnnotation {
    DebugAnnotation {
        name: Some(name.to_owned()),
        uint_value: Some(value),
        string_value: None,
    }
}

/// A note with words.
pub(super) fn text(name: &str, value: &str) -> DebugAnnotation {
    DebugAnnotation {
        name: Some(name.to_owned()),
        uint_value: None,
        string_value: Some(value.to_owned()),
    }
}
