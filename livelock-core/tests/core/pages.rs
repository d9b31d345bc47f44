//! Each class of causes has its page, and each page its class.

use std::collections::BTreeSet;
use std::path::Path;

use livelock_core::verdict::CauseClass;

const SECTIONS: &[&str] = &["Mechanism", "Signals", "Looks like it", "Remedy"];

fn name(class: CauseClass) -> String {
    let json = serde_json::to_string(&class).expect("a class");
    json.trim_matches('"').to_owned()
}

#[test]
fn classes_and_pages_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verdicts");
    let index = std::fs::read_to_string(folder.join("README.md")).expect("an index");
    let mut wanted: BTreeSet<String> = CauseClass::ALL.into_iter().map(name).collect();
    assert_eq!(wanted.len(), CauseClass::ALL.len());
    for class in &wanted {
        let page = std::fs::read_to_string(folder.join(format!("{class}.md")));
        let page = page.unwrap_or_else(|error| panic!("{class}: {error}"));
        for section in SECTIONS {
            assert!(page.contains(section), "{class} lacks {section}");
        }
        assert!(
            index.contains(&format!("({class}.md)")),
            "{class} is not in the index"
        );
    }
    wanted.insert("README".to_owned());
    for file in std::fs::read_dir(folder).expect("the folder").flatten() {
        let path = file.path();
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        assert!(
            stem.is_some_and(|stem| wanted.contains(&stem)),
            "{}",
            path.display()
        );
    }
}
