//! What a flight recorder writes, keeps and removes.

use super::*;

/// A flight recorder that keeps `span_sec` of the past.
fn flight(span_sec: u64, trigger: Trigger, cooldown_sec: u64, nr_kept: Option<u32>) -> Bounds {
    Bounds::Flight {
        flight: Flight {
            span: Duration::from_secs(span_sec),
            trigger,
            cooldown: Duration::from_secs(cooldown_sec),
            nr_kept,
        },
        max_bytes: 1 << 20,
    }
}

#[test]
fn an_incident_never_replaces_another() {
    let folder = Folder::new("record-same");
    let bounds = flight(3, Trigger::Exactly(Status::Livelock), 5, None);
    let wanted = Settings {
        is_forced: true,
        ..settings(folder.file("x.llrec"), bounds)
    };
    for _ in 0..2 {
        record(wanted.clone(), &[Status::Livelock], true).expect("recorded");
    }
    let names = ["x-19700101T000001Z-2.llrec", "x-19700101T000001Z.llrec"];
    assert_eq!(folder.names(), names);
}

#[test]
fn a_flight_recorder_writes_the_lead_up_and_cools_down() {
    let folder = Folder::new("record-flight");
    let bounds = flight(
        3,
        parse_trigger("status>=contended").expect("a rule"),
        5,
        None,
    );
    let mut statuses = vec![Status::Healthy; 20];
    for hit in [8, 9, 12, 18, 19] {
        statuses[hit] = Status::Livelock;
    }
    let path = folder.file("x.llrec");
    let recorded = record(settings(path, bounds), &statuses, true).expect("recorded");
    let names = folder.names();
    assert_eq!(
        names,
        ["x-19700101T000009Z.llrec", "x-19700101T000019Z.llrec"]
    );
    assert_eq!(recorded.files.len(), 2);
    let (first, end) = played(&folder.file(&names[0]));
    assert_eq!((first, end), (vec![5, 6, 7, 8, 9, 10], EndedBy::Continued));
    // The one at 12 fell into the silence; the session ends in the middle of the last.
    let (second, end) = played(&folder.file(&names[1]));
    assert_eq!((second, end), (vec![15, 16, 17, 18, 19], EndedBy::Duration));
}

#[test]
fn the_newest_incidents_stay_and_other_files_are_left_alone() {
    let folder = Folder::new("record-kept");
    for other in ["x-19690101T000001Z.html", "y-19690101T000001Z.llrec"] {
        std::fs::write(folder.file(other), "another").expect("a file");
    }
    let earlier = folder.file("x-19690101T000001Z.llrec");
    std::fs::write(&earlier, "of an earlier session").expect("a file");
    let bounds = flight(1, Trigger::Exactly(Status::Livelock), 1, Some(2));
    let mut statuses = vec![Status::Healthy; 12];
    for hit in [1, 5, 9] {
        statuses[hit] = Status::Livelock;
    }
    let path = folder.file("x.llrec");
    let recorded = record(settings(path, bounds), &statuses, true).expect("recorded");
    assert_eq!(
        folder.names(),
        [
            "x-19690101T000001Z.html",
            "x-19700101T000006Z.llrec",
            "x-19700101T000010Z.llrec",
            "y-19690101T000001Z.llrec",
        ]
    );
    let files = recorded.files.iter().map(|file| file.exists());
    assert_eq!(files.collect::<Vec<_>>(), [true, true]);
}

#[test]
fn a_clock_that_was_set_back_does_not_cost_the_present_incident() {
    let folder = Folder::new("record-future");
    for future in ["x-20990101T000001Z.llrec", "x-20990101T000002Z.llrec"] {
        std::fs::write(folder.file(future), "of an earlier session").expect("a file");
    }
    let bounds = flight(1, Trigger::Exactly(Status::Livelock), 1, Some(2));
    let path = folder.file("x.llrec");
    let statuses = [Status::Healthy, Status::Livelock, Status::Healthy];
    record(settings(path, bounds), &statuses, true).expect("recorded");
    assert_eq!(
        folder.names(),
        ["x-19700101T000002Z.llrec", "x-20990101T000002Z.llrec"]
    );
}

#[test]
fn without_an_incident_nothing_is_written() {
    let folder = Folder::new("record-quiet");
    let bounds = flight(3, Trigger::Exactly(Status::Starved), 5, None);
    let wanted = settings(folder.file("x"), bounds);
    let recorded = record(wanted, &[Status::Livelock; 9], true).expect("recorded");
    assert_eq!(recorded, Recorded::default());
    assert_eq!(folder.names(), Vec::<String>::new());
}
