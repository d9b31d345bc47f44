//! The page in headless Chromium: light, dark, narrow and on paper.
//!
//! Screenshots stay under `target/pages`, to be looked at.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::outside::Outside;
use super::written::{COLLAPSE, page};

const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// A busy machine takes its time to start a browser.
const PATIENCE: Duration = Duration::from_secs(180);

struct Browser {
    program: PathBuf,
    folder: PathBuf,
    outside: Outside,
}

/// What became of a page.
struct Shown {
    console: Vec<String>,
    asked: Vec<String>,
}

impl Browser {
    fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .flat_map(|dir| PROGRAMS.map(|name| dir.join(name)))
            .find(|program| program.is_file());
        let Some(program) = program else {
            eprintln!(
                "live: skipped the page in a browser: no Chromium is installed (Debian package chromium)"
            );
            return None;
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
        std::fs::create_dir_all(&folder).expect("a folder");
        Some(Self {
            program,
            folder: folder.canonicalize().expect("a folder"),
            outside: Outside::listen(),
        })
    }

    /// Shows `html` and writes what `options` ask for.
    fn show(&self, name: &str, html: &str, options: &[String]) -> Shown {
        let file = self.folder.join(format!("{name}.html"));
        std::fs::write(&file, html).expect("a page");
        let profile = self.folder.join(format!("profile-{}", std::process::id()));
        let log = self.folder.join(format!("{name}.log"));
        let mut child = Command::new(&self.program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--enable-logging=stderr",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--proxy-server={}", self.outside.address()))
            .arg("--proxy-bypass-list=<-loopback>")
            .args(options)
            .arg(format!("file://{}", file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("the browser");
        let begun = Instant::now();
        while child.try_wait().expect("a child").is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().expect("a child");
                panic!("{name}: the browser did not end");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = std::fs::read(&log).expect("a log");
        let said = String::from_utf8_lossy(&said);
        let console = said.lines().filter(|line| line.contains("CONSOLE"));
        Shown {
            console: console.map(str::to_owned).collect(),
            asked: self.outside.take(),
        }
    }

    fn picture(
        &self,
        name: &str,
        html: &str,
        (width, height): (u32, u32),
        is_dark: bool,
    ) -> Vec<u8> {
        let file = self.folder.join(format!("{name}.png"));
        let _ = std::fs::remove_file(&file);
        let shown = self.show(
            name,
            html,
            &[
                format!("--window-size={width},{height}"),
                format!(
                    "--blink-settings=preferredColorScheme={}",
                    u8::from(!is_dark)
                ),
                format!("--screenshot={}", file.display()),
            ],
        );
        shown.assert_quiet(name);
        std::fs::read(&file).expect("a screenshot")
    }
}

impl Shown {
    fn assert_quiet(&self, name: &str) {
        assert!(
            self.console.is_empty(),
            "{name}: {}",
            self.console.join("\n")
        );
        assert!(self.asked.is_empty(), "{name}: {}", self.asked.join("\n"));
    }
}

#[test]
fn a_browser_shows_it_in_light_and_dark_and_prints_it() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let control = "<!DOCTYPE html><body><img src=\"http://outside.invalid/x.png\"><script>console.error('heard')</script>";
    let shown = browser.show("control", control, &["--dump-dom".to_owned()]);
    assert!(
        shown.console.iter().any(|line| line.contains("heard")),
        "{:?}",
        shown.console
    );
    assert!(
        shown
            .asked
            .iter()
            .any(|line| line.contains("outside.invalid")),
        "{:?}",
        shown.asked
    );

    let html = page(COLLAPSE);
    let light = browser.picture("light", &html, (1120, 5600), false);
    let dark = browser.picture("dark", &html, (1120, 5600), true);
    let narrow = browser.picture("narrow", &html, (420, 2400), false);
    assert!(light != dark, "dark is another picture");
    for (name, png) in [("light", light), ("dark", dark), ("narrow", narrow)] {
        assert!(
            png.starts_with(b"\x89PNG") && png.len() > 20_000,
            "{name}: {} bytes",
            png.len()
        );
    }

    let file = browser.folder.join("paper.pdf");
    let _ = std::fs::remove_file(&file);
    let options = [
        "--no-pdf-header-footer".to_owned(),
        format!("--print-to-pdf={}", file.display()),
    ];
    browser.show("paper", &html, &options).assert_quiet("paper");
    let pdf = std::fs::read(&file).expect("a document");
    assert!(
        pdf.starts_with(b"%PDF") && pdf.len() > 20_000,
        "{} bytes",
        pdf.len()
    );
}
