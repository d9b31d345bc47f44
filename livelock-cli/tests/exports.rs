//! What `export` writes is read back by other libraries, and says what the verdict says.
//!
//! In: the program, a recording of a collapse, one of an idle host. Out: pass or fail. Refuses: to compare with anything
//! but what the program prints of the same recording.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::process::{Command, Output, Stdio};

    use serde_json::Value;

    /// 6 CPUs spin on one file table.
    const COLLAPSE: &str = "7.3-6-fd-table-1.llrec";
    /// Nobody waits.
    const IDLE: &str = "6.18-2-idle.llrec";

    fn command(recording: &str, words: &str) -> Command {
        let scenarios =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../livelock-core/tests/scenarios");
        let mut command = Command::new(env!("CARGO_BIN_EXE_livelock"));
        command
            .arg("replay")
            .arg(scenarios.join(recording))
            .args(words.split(' '));
        command
    }

    fn output(recording: &str, words: &str) -> Output {
        command(recording, words).output().expect("the program")
    }

    fn text(recording: &str, words: &str) -> String {
        String::from_utf8(output(recording, words).stdout).expect("UTF-8")
    }

    fn verdict(recording: &str) -> Value {
        serde_json::from_str(&text(recording, "diagnose --format json")).expect("a verdict")
    }

    type Row = BTreeMap<String, String>;

    fn rows(csv: &str) -> Vec<Row> {
        csv::Reader::from_reader(csv.as_bytes())
            .deserialize()
            .collect::<Result<_, _>>()
            .expect("CSV")
    }

    fn number(row: &Row, column: &str) -> u64 {
        row[column]
            .parse()
            .unwrap_or_else(|err| panic!("{column}: {err}"))
    }

    #[test]
    fn rows_of_windows_are_the_records_of_the_stream() {
        let rows = rows(&text(COLLAPSE, "export --format csv"));
        let records: Vec<Value> = text(COLLAPSE, "export")
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .filter(|record| record["record"] == "window")
            .collect();
        assert_eq!(rows.len(), records.len());
        assert!(rows.len() >= 3, "only {} windows", rows.len());
        for (row, record) in rows.iter().zip(&records) {
            let fields = record.as_object().expect("an object");
            assert_eq!(
                row.len() + 2,
                fields.len(),
                "a column for each field but `record` and `cpus`, which is a table of its own"
            );
            for (column, cell) in row {
                let is_same = match &fields[column] {
                    Value::Null => cell.is_empty(),
                    Value::String(word) => cell == word,
                    Value::Array(words) => {
                        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
                        *cell == words.join(" ")
                    }
                    Value::Number(number) => cell.parse().ok() == number.as_f64(),
                    other => {
                        let text = other.to_string();
                        *cell == text
                    }
                };
                assert!(is_same, "{column}: {cell:?} is not {}", fields[column]);
            }
        }
    }

    /// Rows of the lock that burned most, and what the verdict says of it.
    fn top_lock() -> (Vec<Row>, Value) {
        let top = verdict(COLLAPSE)["locks"][0].clone();
        let mut rows = rows(&text(COLLAPSE, "export --format csv --table locks"));
        rows.retain(|row| top["addr"] == row["addr"].as_str());
        (rows, top)
    }

    #[test]
    fn rows_of_a_lock_add_up_to_its_verdict() {
        let (rows, top) = top_lock();
        let sum = |column| rows.iter().map(|row| number(row, column)).sum::<u64>();
        assert_eq!(Some(sum("nr_waits")), top["nr_waits"].as_u64());
        assert_eq!(Some(sum("wait_total_ns")), top["wait_ns"]["total"].as_u64());
        let burned = sum("spin_ns") as f64 / sum("duration_ns") as f64;
        let burn_cpus = top["burn_cpus"].as_f64().expect("a number");
        assert!(
            (burned - burn_cpus).abs() < 0.01 * burn_cpus,
            "{burned} is not {burn_cpus}"
        );
        let last = rows.last().expect("a row");
        assert_eq!(top["name"], last["name"].as_str());
        assert_eq!(top["kind"], last["kind"].as_str());
    }

    #[test]
    fn the_page_names_each_column() {
        let page = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/output.md"),
        )
        .expect("the page");
        let (_, section) = page.split_once("## Other formats").expect("its section");
        for column in top_lock().0[0].keys() {
            assert!(
                section.contains(&format!("`{column}`")),
                "no {column} in docs/output.md"
            );
        }
    }

    /// Microseconds by frames.
    fn folded(side: &str) -> BTreeMap<String, u64> {
        text(COLLAPSE, &format!("export --format folded --side {side}"))
            .lines()
            .map(|line| {
                let (frames, us) = line.rsplit_once(' ').expect("frames and a number");
                (frames.to_owned(), us.parse().expect("microseconds"))
            })
            .collect()
    }

    #[test]
    fn both_sides_of_a_lock_stand_for_the_time_that_was_waited() {
        let (rows, top) = top_lock();
        let waited_ns: u64 = rows
            .iter()
            .map(|row| number(row, "spin_ns") + number(row, "sleep_ns"))
            .sum();
        let root = format!("{};", top["name"].as_str().expect("a name"));
        for side in ["waiters", "holders"] {
            let paths = folded(side);
            let us: u64 = paths
                .iter()
                .filter(|(frames, _)| frames.starts_with(&root))
                .map(|(_, us)| us)
                .sum();
            let expected = waited_ns as f64 / 1e3;
            assert!(
                (us as f64 - expected).abs() <= 0.01 * expected,
                "{side}: {us} us instead of {expected}"
            );
            let is_seen = |function: &str| paths.keys().any(|path| path.contains(function));
            assert!(
                is_seen("close_fd") && is_seen("entry_SYSCALL_64"),
                "{paths:?}"
            );
        }
    }

    #[test]
    fn a_flame_graph_is_a_picture_even_of_nothing() {
        for (recording, word) in [(COLLAPSE, "close_fd ("), (IDLE, "</svg>")] {
            for side in ["waiters", "holders"] {
                let svg = text(recording, &format!("export --format svg --side {side}"));
                assert!(svg.starts_with("<?xml") && svg.trim_end().ends_with("</svg>"));
                assert!(svg.contains(word), "{recording}, {side}: no {word}");
                // One file that needs nothing else.
                assert!(
                    !svg.contains("href=\"http") && !svg.contains("src="),
                    "{side}"
                );
            }
        }
    }

    #[test]
    fn metrics_parse_and_count_what_the_verdict_counts() {
        let text = text(COLLAPSE, "export --format openmetrics");
        let parsed = openmetrics_parser::openmetrics::parse_openmetrics(&text)
            .unwrap_or_else(|err| panic!("{err}\n{text}"));
        assert!(parsed.families.len() >= 15, "{:?}", parsed.families.keys());
        assert!(text.ends_with("# EOF\n"));
        let verdict = verdict(COLLAPSE);
        let sample = |start: &str| -> f64 {
            let line = text
                .lines()
                .find(|line| line.starts_with(start))
                .expect(start);
            line.rsplit_once(' ')
                .and_then(|(_, value)| value.parse().ok())
                .expect("a number")
        };
        let books = &verdict["accounting"];
        assert_eq!(
            Some(sample("livelock_waits_begun_total ")),
            books["nr_begun"].as_f64()
        );
        assert_eq!(
            Some(sample("livelock_waits_completed_total ")),
            books["nr_completed"].as_f64()
        );
        let top = &verdict["locks"][0];
        let lock = format!("{{lock={}", top["name"]);
        assert_eq!(
            Some(sample(&format!("livelock_lock_waits_total{lock}"))),
            top["nr_waits"].as_f64()
        );
        let waited = top["wait_ns"]["total"].as_f64().expect("a number") / 1e9;
        let shown = sample(&format!("livelock_lock_wait_seconds_total{lock}"));
        assert!(
            (shown - waited).abs() <= 1e-6 * waited,
            "{shown} s is not {waited} s"
        );
        assert_eq!(sample("livelock_status{status=\"livelock\"}") as u8, 1);
    }

    #[test]
    fn the_status_is_the_exit_code_and_a_closed_pipe_is_success() {
        for format in ["csv", "folded", "svg", "openmetrics", "perfetto"] {
            let words = format!("export --format {format}");
            let exit = output(COLLAPSE, &words).status.code();
            assert_eq!(exit, output(COLLAPSE, "export").status.code(), "{format}");
            let mut child = command(COLLAPSE, &words)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program");
            drop(child.stdout.take());
            let ended = child.wait_with_output().expect("an end");
            assert_eq!(ended.status.code(), Some(0), "{format}");
            assert!(
                ended.stderr.is_empty(),
                "{}",
                String::from_utf8_lossy(&ended.stderr)
            );
        }
    }

    #[test]
    fn the_same_recording_gives_the_same_bytes() {
        for words in [
            "export --format svg",
            "export --format openmetrics",
            "export --format perfetto",
            "export --format csv --table locks",
        ] {
            assert_eq!(
                output(COLLAPSE, words).stdout,
                output(COLLAPSE, words).stdout,
                "{words}"
            );
        }
    }
}
