//! Probes that count declared progress.
//!
//! In: places in programs and ids of tracepoints. Out: attached probes and their counts. Refuses: half an
//! attachment; and to load anything for sources that need no probe.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::ptr::read_volatile;

use aya::EbpfLoader;
use aya::maps::Map;
use aya::programs::{TracePoint, UProbe};
use aya::util::nr_cpus;
use aya_obj::generated::{
    PERF_FLAG_FD_CLOEXEC, bpf_attach_type, bpf_cmd, perf_event_attr, perf_type_id,
};
use livelock_common::DeclaredCounts;

use super::CaptureError;
use super::mapping::MappedArray;

/// The object, built by `cargo xtask ebpf` and committed.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/declared.bpf.o"));

const MAP: &str = "DECLARED";
const UPROBE: &str = "declared_uprobe";
const TRACEPOINT: &str = "declared_tracepoint";

/// The kernel's number for the kind of perf event that user-space probes are.
const UPROBE_TYPE: &str = "/sys/bus/event_source/devices/uprobe/type";
/// Bit of `config` where the offset of a semaphore begins; `format/ref_ctr_offset` there says `config:32-63`.
const SEMAPHORE_SHIFT: u32 = 32;

/// Where to count, and under which number of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeSite {
    /// An instruction of a program or library, in every process that maps the file.
    Uprobe {
        /// Number, below `MAX_DECLARED`.
        source: usize,
        /// For messages.
        name: String,
        /// File.
        path: PathBuf,
        /// Offset in it.
        offset_bytes: u64,
        /// Offset of a counter that the kernel raises while somebody listens.
        semaphore_bytes: Option<u64>,
    },
    /// A tracepoint.
    Tracepoint {
        /// Number, below `MAX_DECLARED`.
        source: usize,
        /// For messages.
        name: String,
        /// The kernel's id of it.
        id: u64,
    },
}

/// Attached probes. Dropping them detaches and frees everything; so does the end of the process.
pub struct DeclaredProbes {
    counts: MappedArray<DeclaredCounts>,
    /// A perf event and the link of a program to it, for each site.
    _links: Vec<(OwnedFd, OwnedFd)>,
}

impl DeclaredProbes {
    /// Loads the programs that are needed and attaches all sites.
    ///
    /// # Errors
    ///
    /// Any [`CaptureError`]; nothing stays attached then.
    pub fn attach(sites: &[ProbeSite]) -> Result<Self, CaptureError> {
        let nr_possible =
            nr_cpus().map_err(|(what, source)| CaptureError::Cpus { what, source })?;
        let mut loader = EbpfLoader::new();
        loader.btf(None);
        loader.map_max_entries(MAP, u32::try_from(nr_possible).unwrap_or(u32::MAX));
        let mut ebpf = loader
            .load(OBJECT)
            .map_err(|error| CaptureError::Object(Box::new(error)))?;
        let is_uprobe = |site: &ProbeSite| matches!(site, ProbeSite::Uprobe { .. });
        let load_error = |program| {
            move |source| CaptureError::Load {
                program,
                source: Box::new(source),
            }
        };
        if sites.iter().any(is_uprobe) {
            let program: &mut UProbe = ebpf
                .program_mut(UPROBE)
                .and_then(|program| program.try_into().ok())
                .ok_or(CaptureError::MissingProgram(UPROBE))?;
            program.load().map_err(load_error(UPROBE))?;
        }
        if !sites.iter().all(is_uprobe) {
            let program: &mut TracePoint = ebpf
                .program_mut(TRACEPOINT)
                .and_then(|program| program.try_into().ok())
                .ok_or(CaptureError::MissingProgram(TRACEPOINT))?;
            program.load().map_err(load_error(TRACEPOINT))?;
        }
        let data = match ebpf.take_map(MAP) {
            Some(Map::Array(data)) => data,
            _ => return Err(CaptureError::MissingMap(MAP)),
        };
        let counts = MappedArray::new(&data.fd().as_fd(), nr_possible)
            .map_err(|source| CaptureError::Map { map: MAP, source })?;
        let mut links = Vec::with_capacity(sites.len());
        for site in sites {
            let (name, program) = match site {
                ProbeSite::Uprobe { name, .. } => (name, UPROBE),
                ProbeSite::Tracepoint { name, .. } => (name, TRACEPOINT),
            };
            let loaded = ebpf
                .program(program)
                .ok_or(CaptureError::MissingProgram(program))?;
            let fd = loaded.fd().map_err(load_error(program))?;
            let link = attach(site, fd.as_fd()).map_err(|source| CaptureError::Declared {
                name: name.clone(),
                source,
            })?;
            links.push(link);
        }
        Ok(Self {
            counts,
            _links: links,
        })
    }

    /// Hits of source `number` on all CPUs since it was attached.
    #[must_use]
    pub fn nr_hits(&self, number: usize) -> u64 {
        let of_cpu = |cpu: usize| {
            let at = self.counts.get(cpu)?;
            // SAFETY: an element of the mapping; the kernel side adds to aligned words, which cannot tear.
            let counts = unsafe { read_volatile(&raw const (*at).nr_hits) };
            counts.get(number).copied()
        };
        (0..self.counts.len()).filter_map(of_cpu).sum()
    }
}

/// Opens the perf event of `site` and links the program to it, with the number of the source as cookie.
fn attach(site: &ProbeSite, program: BorrowedFd<'_>) -> io::Result<(OwnedFd, OwnedFd)> {
    // SAFETY: plain integers, for which zero is valid.
    let mut event: perf_event_attr = unsafe { std::mem::zeroed() };
    event.size = u32::try_from(size_of::<perf_event_attr>()).map_err(io::Error::other)?;
    // The kernel reads the path during the call that opens the event.
    let mut _path = CString::default();
    let source = match site {
        ProbeSite::Tracepoint { source, id, .. } => {
            event.type_ = perf_type_id::PERF_TYPE_TRACEPOINT as u32;
            event.config = *id;
            *source
        }
        ProbeSite::Uprobe {
            source,
            path,
            offset_bytes,
            semaphore_bytes,
            ..
        } => {
            let kind = fs::read_to_string(UPROBE_TYPE)?;
            event.type_ = kind.trim().parse().map_err(io::Error::other)?;
            if let Some(semaphore_bytes) = semaphore_bytes {
                let fits = u32::try_from(*semaphore_bytes).map_err(io::Error::other)?;
                event.config = u64::from(fits) << SEMAPHORE_SHIFT;
            }
            _path = CString::new(path.as_os_str().as_bytes())?;
            event.__bindgen_anon_3.config1 = _path.as_ptr() as u64;
            event.__bindgen_anon_4.config2 = *offset_bytes;
            *source
        }
    };
    // Every process. The CPU is one on which the event itself is counted; the program runs on all.
    let (pid, cpu, group) = (-1, 0, -1);
    let opened = descriptor(|| {
        // SAFETY: the kernel reads `event` and the path in it, which outlive the call.
        unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const event,
                pid,
                cpu,
                group,
                PERF_FLAG_FD_CLOEXEC,
            )
        }
    })?;
    let link = LinkCreate {
        program_fd: program.as_raw_fd(),
        event_fd: opened.as_raw_fd(),
        attach_type: bpf_attach_type::BPF_PERF_EVENT as u32,
        flags: 0,
        cookie: source as u64,
    };
    let linked = descriptor(|| {
        // SAFETY: the kernel reads `link`, which outlives the call.
        unsafe {
            libc::syscall(
                libc::SYS_bpf,
                bpf_cmd::BPF_LINK_CREATE as libc::c_long,
                &raw const link,
                size_of::<LinkCreate>(),
            )
        }
    })?;
    Ok((opened, linked))
}

/// The part of `union bpf_attr` that `BPF_LINK_CREATE` reads for perf events, `include/uapi/linux/bpf.h`, v5.15.
#[repr(C)]
struct LinkCreate {
    program_fd: i32,
    event_fd: i32,
    attach_type: u32,
    flags: u32,
    cookie: u64,
}

fn descriptor(call: impl Fn() -> libc::c_long) -> io::Result<OwnedFd> {
    let result = call();
    match i32::try_from(result) {
        // SAFETY: a descriptor that the kernel has just made for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
