//! What a shell and `man` make of what is printed for them.
//!
//! In: the binary, and the shells of this machine. Out: pass or fail. Refuses: to call a shell that is not installed a
//! success; it is named and left out.

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::process::{Command, Output, Stdio};

    const LIVELOCK: &str = env!("CARGO_BIN_EXE_livelock");

    fn livelock(words: &[&str]) -> Output {
        let output = Command::new(LIVELOCK)
            .args(words)
            .env_remove("LIVELOCK_CONFIG")
            .output();
        output.expect("livelock runs")
    }

    fn printed(words: &[&str]) -> String {
        let output = livelock(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What `program` says to `script`; `None` if it is not installed.
    fn said(program: &str, words: &[&str], script: &str) -> Option<Output> {
        let child = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: {program} is not installed");
            return None;
        };
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(script.as_bytes()).expect("it reads");
        drop(stdin);
        Some(child.wait_with_output().expect("it ends"))
    }

    #[test]
    fn bash_completes_commands_options_and_values() {
        let script = printed(&["completions", "bash"]);
        let complete = |words: &[&str]| {
            let list = words.join("' '");
            let last = words.len() - 1;
            let (word, before) = (words[last], words[last - 1]);
            let ask = format!(
                "{script}\nCOMP_WORDS=('{list}'); COMP_CWORD={last}; COMP_LINE='{}'\n\
                 _livelock livelock '{word}' '{before}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
                words.join(" ")
            );
            said("bash", &["--norc"], &ask).map(|output| {
                let errors = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(errors, "", "{words:?}");
                String::from_utf8(output.stdout).expect("text")
            })
        };
        let Some(commands) = complete(&["livelock", "d"]) else {
            return;
        };
        assert_eq!(commands, "diagnose\ndoctor\n");
        let options = complete(&["livelock", "record", "--tri"]);
        assert_eq!(options.as_deref(), Some("--trigger\n"));
        let formats = complete(&["livelock", "export", "--format", "p"]);
        assert_eq!(formats.as_deref(), Some("parquet\nperfetto\n"));
    }

    #[test]
    fn other_shells_can_read_their_scripts() {
        for (shell, words) in [("zsh", ["-n"]), ("fish", ["--no-execute"])] {
            let script = printed(&["completions", shell]);
            if let Some(output) = said(shell, &words, &script) {
                assert!(output.status.success(), "{shell}: {output:?}");
            }
        }
    }

    #[test]
    fn man_reads_every_page() {
        let folder = std::env::temp_dir().join(format!("livelock-man-{}", std::process::id()));
        // It is made.
        printed(&["man", "-o", folder.to_str().expect("text")]);
        let pages: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert!(pages.len() > 10, "{pages:?}");
        for page in &pages {
            let source = std::fs::read_to_string(page).expect("a page");
            let Some(output) = said("man", &["--warnings", "-l", "-"], &source) else {
                break;
            };
            let text = String::from_utf8_lossy(&output.stdout);
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert_eq!(complaints, "", "{}", page.display());
            for part in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "EXIT STATUS"] {
                assert!(text.contains(part), "{}: no {part}", page.display());
            }
        }
        std::fs::remove_dir_all(&folder).expect("removed");
        let missing = livelock(&["man", "-o", "/dev/null/folder"]);
        assert_eq!(missing.status.code(), Some(1));
    }

    #[test]
    fn a_named_file_is_read_and_a_missing_one_is_a_usage_error() {
        let file = std::env::temp_dir().join(format!("livelock-config-{}", std::process::id()));
        let path = file.to_str().expect("text");
        let missing = livelock(&["config", "--config", path]);
        assert_eq!(missing.status.code(), Some(2));
        std::fs::write(&file, "duration = \"30s\"\n").expect("written");
        let listed = printed(&["config", "--config", path]);
        assert!(
            listed.contains(&format!("duration = \"30s\"  # {path}:1:1")),
            "{listed}"
        );
        std::fs::write(&file, "durration = \"30s\"\n").expect("written");
        let refused = livelock(&["diagnose", "--config", path]);
        assert_eq!(refused.status.code(), Some(2));
        let message = String::from_utf8_lossy(&refused.stderr);
        let expected = format!("{path}:1:1: there is no key `durration`; did you mean `duration`?");
        assert!(message.contains(&expected), "{message}");
        std::fs::remove_file(&file).expect("removed");
    }

    #[test]
    fn the_refusals_that_are_documented_are_those_that_are_printed() {
        let page = include_str!("../../docs/configuration.md");
        let (_, block) = page
            .split_once("<!-- refusals -->\n```text\n")
            .expect("a block");
        let (block, _) = block.split_once("```").expect("its end");
        let folder = std::env::temp_dir().join(format!("livelock-refusals-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let files = ["\ndurration = \"5s\"\n", "duration = 5\n", ""];
        let shown: Vec<&str> = block.lines().collect();
        assert_eq!(shown.len(), 2 * files.len());
        for (pair, text) in shown.chunks(2).zip(files) {
            std::fs::write(folder.join("new.toml"), text).expect("written");
            let words = pair[0].strip_prefix("$ ").expect("a command").split(' ');
            let mut command = Command::new(LIVELOCK);
            command.current_dir(&folder);
            for word in words {
                match word.split_once('=') {
                    Some((name, value)) => drop(command.env(name, value)),
                    None if word == "livelock" => {}
                    None => drop(command.arg(word)),
                }
            }
            let output = command.output().expect("livelock runs");
            assert_eq!(output.status.code(), Some(2));
            assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), pair[1]);
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
