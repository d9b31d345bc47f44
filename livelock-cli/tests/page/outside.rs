//! A proxy that answers nothing and remembers who was asked for.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// All that a browser asks of the world.
pub(crate) struct Outside {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Hosts that the browser itself calls, whatever page it shows.
const OF_THE_BROWSER: [&str; 3] = ["google.com", "googleapis.com", "gvt1.com"];

impl Outside {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let heard = Arc::clone(&heard);
                thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                    let mut bytes = [0; 4096];
                    let nr = stream.read(&mut bytes).unwrap_or(0);
                    let text = String::from_utf8_lossy(&bytes[..nr]).into_owned();
                    let first = text.lines().next().unwrap_or_default().to_owned();
                    heard.lock().expect("nobody panics").push(first);
                });
            }
        });
        Self { port, asked }
    }

    /// For `--proxy-server`.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked for since the last time, without what browsers ask for by themselves.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().expect("nobody panics"));
        asked.retain(|line| {
            let target = line.split(' ').nth(1).unwrap_or_default();
            let host = target.trim_start_matches("http://");
            let host = host.split(['/', ':']).next().unwrap_or_default();
            !OF_THE_BROWSER
                .iter()
                .any(|own| host == *own || host.ends_with(&format!(".{own}")))
        });
        asked
    }
}
