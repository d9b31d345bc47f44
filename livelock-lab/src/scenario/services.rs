//! Small programs of the kind that servers run: a web server with its clients, and a database.
//!
//! In: a plan. Out: look-alikes that use locks, files and sockets and get their work done. Refuses: to
//! be fast; they are to look like what runs on healthy hosts.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Op, Plan, Work};
use crate::scratch::Scratch;
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "web-server",
        description: "half of the threads serve HTTP on loopback, the others ask: connections, requests, answers",
        class: Class::KernelWork,
        expected_status: Status::Contended,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: web_server,
    },
    Scenario {
        name: "database",
        description: "search and change a tree of pages in one file, with a log that is synced",
        class: Class::UserCompute,
        expected_status: Status::Contended,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: database,
    },
];

/// Longest wait for a partner: then the thread looks at the stop flag.
const PARTNER_LIMIT: Duration = Duration::from_millis(50);

const REQUEST: &[u8; 33] = b"GET / HTTP/1.1\r\nHost: 0.0.0.0\r\n\r\n";
const ANSWER_BYTES: usize = 1024;

/// Requests of one connection.
const NR_REQUESTS: u32 = 50;

fn web_server(plan: &Plan) -> anyhow::Result<Work> {
    plan.at_least(2)?;
    let nr_clients = plan.nr_threads / 2;
    let mut listeners = Vec::new();
    for _ in 0..nr_clients {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("failed to listen on 127.0.0.1; is the loopback up?")?;
        listener.set_nonblocking(true)?;
        listeners.push(Arc::new(listener));
    }
    Work::by_thread(move |index| {
        let listener = listeners
            .get(index % nr_clients)
            .context("no listener for this thread")?;
        if index < nr_clients {
            client(listener.local_addr()?)
        } else {
            server(Arc::clone(listener))
        }
    })
}

fn server(listener: Arc<TcpListener>) -> anyhow::Result<Op> {
    let mut connection: Option<TcpStream> = None;
    plan::counted(move || {
        let Some(stream) = &mut connection else {
            if sys::poll_in(&listener, PARTNER_LIMIT.as_millis() as libc::c_int)? {
                // Another thread of the same listener may have been faster.
                connection = listener.accept().ok().map(|(stream, _)| stream);
                if let Some(stream) = &connection {
                    stream.set_nonblocking(false)?;
                    stream.set_read_timeout(Some(PARTNER_LIMIT))?;
                    stream.set_nodelay(true)?;
                }
            }
            return Ok(0);
        };
        let mut request = [0; REQUEST.len()];
        match stream.read_exact(&mut request) {
            Ok(()) if &request == REQUEST => {
                if stream.write_all(&[b'a'; ANSWER_BYTES]).is_err() {
                    connection = None;
                }
            }
            Err(err) if sys::is_again(&err) => {}
            // The client has closed the connection.
            _ => connection = None,
        }
        Ok(0)
    })
}

fn client(address: SocketAddr) -> anyhow::Result<Op> {
    let mut connection: Option<(TcpStream, u32)> = None;
    plan::counted(move || {
        let Some((stream, nr_left)) = &mut connection else {
            let stream = TcpStream::connect_timeout(&address, PARTNER_LIMIT)?;
            stream.set_read_timeout(Some(PARTNER_LIMIT * 10))?;
            stream.set_nodelay(true)?;
            connection = Some((stream, NR_REQUESTS));
            return Ok(0);
        };
        stream.write_all(REQUEST)?;
        let answered = sys::tried(stream.read_exact(&mut [0; ANSWER_BYTES]))?;
        *nr_left -= 1;
        // After a timeout the rest of the answer may still come: start with a new connection.
        if *nr_left == 0 || answered == 0 {
            connection = None;
        }
        Ok(answered)
    })
}

/// Pages of the tree: a root, and as many leaves as it has room for children.
const PAGE_BYTES: usize = 4096;
const NR_INNER: u64 = 16;
const NR_LEAVES: u64 = 1024;
const NR_PAGES: u64 = 1 + NR_INNER + NR_LEAVES;

/// One search of this many changes its leaf; one change of so many syncs the log.
const NR_SEARCHES_PER_CHANGE: u64 = 8;
const NR_CHANGES_PER_SYNC: u64 = 16;

fn database(_: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::new()?;
    let tree = Arc::new(scratch.file("tree", NR_PAGES as usize * PAGE_BYTES)?);
    let log = Arc::new(scratch.file("log", 0)?);
    Ok(Work::by_thread(move |index| {
        let mut session = Session {
            tree: Arc::clone(&tree),
            log: Arc::clone(&log),
            page: vec![0; PAGE_BYTES],
            key: index as u64 + 1,
            nr_searches: 0,
        };
        plan::op(move || session.search())
    })?
    .keep(scratch))
}

/// One client of the database.
struct Session {
    tree: Arc<File>,
    log: Arc<File>,
    page: Vec<u8>,
    key: u64,
    nr_searches: u64,
}

impl Session {
    fn search(&mut self) -> io::Result<()> {
        // A step of Knuth's linear congruential generator: the next key.
        self.key = self
            .key
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let key = self.key >> 33;
        let leaf = 1 + NR_INNER + key % NR_LEAVES;
        for page in [0, 1 + key % NR_INNER, leaf] {
            self.tree
                .read_exact_at(&mut self.page, page * PAGE_BYTES as u64)?;
            let sum = self
                .page
                .iter()
                .fold(0_u32, |sum, &byte| sum.rotate_left(1) ^ u32::from(byte));
            black_box(sum);
        }
        self.nr_searches += 1;
        if self.nr_searches.is_multiple_of(NR_SEARCHES_PER_CHANGE) {
            self.change(leaf, key)?;
        }
        Ok(())
    }

    fn change(&mut self, leaf: u64, key: u64) -> io::Result<()> {
        let place = (key as usize * 8) % PAGE_BYTES;
        if let Some(slot) = self.page.get_mut(place..place + 8) {
            slot.copy_from_slice(&key.to_le_bytes());
        }
        self.log.write_all_at(&self.page, 0)?;
        let nr_changes = self.nr_searches / NR_SEARCHES_PER_CHANGE;
        if nr_changes.is_multiple_of(NR_CHANGES_PER_SYNC) {
            self.log.sync_data()?;
        }
        self.tree.write_all_at(&self.page, leaf * PAGE_BYTES as u64)
    }
}
