//! What is printed as JSON validates against the schema that is printed, and what is broken does not.
//!
//! In: the program, recordings, committed documents and snapshots. Out: pass or fail. Refuses: a committed schema that
//! differs from the printed one, and fields that the schema does not describe.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use jsonschema::Validator;
    use serde_json::{Value, json};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn livelock(args: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_livelock"))
            .args(args)
            .output()
            .expect("the program");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn printed_schema() -> Value {
        serde_json::from_str(&livelock(&["schema"])).expect("JSON")
    }

    fn validator(schema: &Value) -> Validator {
        jsonschema::draft202012::meta::validate(schema).expect("a schema of 2020-12");
        jsonschema::draft202012::new(schema).expect("a schema that can be compiled")
    }

    /// The same schema without the freedom to add fields: what is printed today is described in full.
    fn closed(mut schema: Value) -> Value {
        const OPEN: [&str; 5] = [
            "Verdict",
            "Comparison",
            "StreamHeader",
            "WindowSummary",
            "StreamSummary",
        ];
        let branches = schema["oneOf"].as_array_mut().expect("branches");
        assert_eq!(branches.len(), 3);
        for branch in branches {
            branch["unevaluatedProperties"] = json!(false);
        }
        let definitions = schema["$defs"].as_object_mut().expect("definitions");
        for (name, definition) in definitions {
            let is_open = OPEN.contains(&name.as_str());
            if definition.get("properties").is_some() && !is_open {
                definition["additionalProperties"] = json!(false);
            }
        }
        schema
    }

    fn assert_valid(validator: &Validator, document: &Value, from: &str) {
        let faults: Vec<String> = validator
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{from}: {}", faults.join("\n"));
    }

    fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
            .expect(folder)
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect();
        files.sort();
        assert!(!files.is_empty(), "no {ending} in {folder}");
        files
    }

    fn text_of(path: &Path) -> String {
        std::fs::read_to_string(path).expect("a text file")
    }

    #[test]
    fn the_committed_schema_is_the_printed_one() {
        let path = root().join("docs/schema/livelock.schema.json");
        assert!(
            std::fs::read_to_string(&path)
                .is_ok_and(|committed| committed == livelock(&["schema"])),
            "docs/schema/livelock.schema.json is stale: cargo run -q -p livelock-cli -- schema > docs/schema/livelock.schema.json"
        );
    }

    #[test]
    fn what_recordings_print_is_valid_and_described_in_full() {
        let validator = validator(&closed(printed_schema()));
        for path in files("livelock-core/tests/scenarios", ".llrec") {
            let name = path.to_str().expect("a name");
            let stream = livelock(&["replay", name, "export"]);
            let mut kinds = Vec::new();
            for line in stream.lines() {
                let record: Value = serde_json::from_str(line).expect(name);
                kinds.push(record["record"].as_str().expect("a kind").to_owned());
                assert_valid(&validator, &record, name);
            }
            kinds.dedup();
            assert_eq!(kinds.first().map(String::as_str), Some("header"), "{name}");
            assert_eq!(kinds.last().map(String::as_str), Some("summary"), "{name}");
            assert!(kinds.iter().any(|kind| kind == "verdict"), "{name}");
            let verdict = livelock(&["replay", name, "diagnose", "--format", "json"]);
            assert_valid(
                &validator,
                &serde_json::from_str(&verdict).expect(name),
                name,
            );
        }
    }

    #[test]
    fn comparisons_are_valid_and_described_in_full() {
        let validator = validator(&closed(printed_schema()));
        let folder = root().join("livelock-core/tests/scenarios");
        let name = |file: &str| folder.join(file).to_str().expect("a name").to_owned();
        let verdict = root().join("docs/examples/headline-verdict.json");
        let verdict = verdict.to_str().expect("a name").to_owned();
        let sides = [
            name("6.18-2-idle.llrec"),
            name("6.1-6-fd-table-1.llrec"),
            name("6.1-6-pipe-resize-1.llrec"),
            verdict,
        ];
        for a in &sides {
            for b in &sides {
                let text = livelock(&["compare", a, b, "--json"]);
                let document: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(document["schema"], "livelock.compare/v1");
                assert_valid(&validator, &document, &format!("{a} and {b}"));
                let mut broken = document.clone();
                broken["outcome"] = json!("terrible");
                assert!(!validator.is_valid(&broken));
            }
        }
    }

    #[test]
    fn committed_documents_and_snapshots_are_valid() {
        let validator = validator(&printed_schema());
        let verdicts = files("docs/examples", "verdict.json");
        let mut nr = 0;
        for path in &verdicts {
            let verdict = serde_json::from_str(&text_of(path)).expect("JSON");
            assert_valid(&validator, &verdict, &path.display().to_string());
        }
        for folder in [
            "livelock-cli/src/render/snapshots",
            "livelock-core/tests/core/snapshots",
        ] {
            for path in files(folder, ".snap") {
                let text = text_of(&path);
                let body = text.splitn(3, "---\n").nth(2).expect("a snapshot");
                if let Ok(document) = serde_json::from_str::<Value>(body)
                    && document.get("schema").is_some()
                {
                    nr += 1;
                    assert_valid(&validator, &document, &path.display().to_string());
                }
            }
        }
        assert!(nr >= 2, "only {nr} snapshots are verdicts");
    }

    /// One record of each kind, and a verdict document.
    fn specimens() -> Vec<Value> {
        let path = root().join("livelock-core/tests/scenarios/7.3-6-fd-table-1.llrec");
        let name = path.to_str().expect("a name");
        let stream = livelock(&["replay", name, "export"]);
        let records: Vec<Value> = stream
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let mut specimens: Vec<Value> = ["header", "window", "verdict", "summary"]
            .iter()
            .map(|kind| {
                let is_one = |record: &&Value| record["record"] == *kind;
                records.iter().rfind(is_one).expect(kind).clone()
            })
            .collect();
        let mut document = specimens[2].clone();
        document
            .as_object_mut()
            .expect("an object")
            .remove("record");
        specimens.push(document);
        specimens
    }

    #[test]
    fn a_record_without_a_field_or_with_another_type_is_refused() {
        let schema = printed_schema();
        let validator = validator(&schema);
        for specimen in specimens() {
            assert_valid(&validator, &specimen, "a specimen");
            let fields = specimen.as_object().expect("an object");
            let definition = match fields.get("record").and_then(Value::as_str) {
                Some("header") => "StreamHeader",
                Some("window") => "WindowSummary",
                Some("summary") => "StreamSummary",
                _ => "Verdict",
            };
            let required = schema["$defs"][definition]["required"]
                .as_array()
                .expect("required fields");
            assert!(required.len() >= 7, "{definition} asks for too little");
            for name in required.iter().filter_map(Value::as_str) {
                let mut broken = specimen.clone();
                broken.as_object_mut().expect("an object").remove(name);
                assert!(!validator.is_valid(&broken), "{definition} without {name}");
                let mut broken = specimen.clone();
                // No field of these is a list of lists of lists.
                broken[name] = json!([[[1]]]);
                assert!(
                    !validator.is_valid(&broken),
                    "{definition} with a strange {name}"
                );
            }
        }
    }

    #[test]
    fn unknown_words_kinds_and_versions_are_refused() {
        let validator = validator(&printed_schema());
        let specimens = specimens();
        for (nr, field, value) in [
            (0, "schema", json!("livelock.stream/v2")),
            (1, "record", json!("windows")),
            (1, "record", json!("summary")),
            (1, "status", json!("deadlock")),
            (1, "number", json!(-1)),
            (1, "busy_pct", json!("99")),
            (2, "record", json!(null)),
            (3, "ended_by", json!("boredom")),
            (4, "schema", json!("livelock.stream/v1")),
            (4, "record", json!("window")),
        ] {
            let mut broken = specimens[nr].clone();
            broken[field] = value.clone();
            assert!(!validator.is_valid(&broken), "{field} = {value}");
        }
        for nothing in [
            json!({}),
            json!(null),
            json!([]),
            json!({"record": "header"}),
        ] {
            assert!(!validator.is_valid(&nothing), "{nothing}");
        }
    }

    #[test]
    fn fields_of_a_later_version_are_let_pass() {
        let validator = validator(&printed_schema());
        for mut specimen in specimens() {
            specimen["a_later_field"] = json!(1);
            assert_valid(&validator, &specimen, "with a later field");
            let strict = jsonschema::draft202012::new(&closed(printed_schema())).expect("a schema");
            assert!(
                !strict.is_valid(&specimen),
                "and the closed schema notices it"
            );
        }
    }
}
