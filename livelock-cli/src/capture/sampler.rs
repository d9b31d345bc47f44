//! The perf events that drive the sampler.
//!
//! In: a loaded object. Out: one attached event per CPU, and what drives it. Refuses: a mixture of drivers.

use aya::Ebpf;
use aya::programs::perf_event::{
    HardwareEvent, PerfEventConfig, PerfEventLink, PerfEventScope, SamplePolicy, SoftwareEvent,
};
use aya::util::online_cpus;
use livelock_core::host::SamplerSource;

use super::CaptureError;
use super::load::perf_event;

const PROGRAM: &str = "sampler";

pub(super) fn load_sampler(ebpf: &mut Ebpf) -> Result<(), CaptureError> {
    perf_event(ebpf, PROGRAM)?
        .load()
        .map_err(|source| CaptureError::Load {
            program: PROGRAM,
            source: Box::new(source),
        })
}

/// Hardware cycles (NMI) where there is a PMU, else the CPU clock.
pub(super) fn attach_sampler(
    ebpf: &mut Ebpf,
    sample_hz: u64,
) -> Result<(SamplerSource, Vec<PerfEventLink>), CaptureError> {
    let sampler = perf_event(ebpf, PROGRAM)?;
    let cpus = online_cpus().map_err(|(what, source)| CaptureError::Cpus { what, source })?;
    let cycles = PerfEventConfig::Hardware(HardwareEvent::CpuCycles);
    let clock = PerfEventConfig::Software(SoftwareEvent::CpuClock);
    let mut source = SamplerSource::PmuNmi;
    let mut links = Vec::with_capacity(cpus.len());
    for cpu in cpus {
        let scope = PerfEventScope::AllProcessesOneCpu { cpu };
        let policy = SamplePolicy::Frequency(sample_hz);
        let mut attached = None;
        if source == SamplerSource::PmuNmi {
            match sampler.attach(cycles, scope, policy, false) {
                Ok(id) => attached = Some(id),
                // No PMU shows at the first CPU; later failures are failures.
                Err(_) if links.is_empty() => source = SamplerSource::Hrtimer,
                Err(error) => return Err(sampler_error(error)),
            }
        }
        let id = match attached {
            Some(id) => id,
            None => sampler
                .attach(clock, scope, policy, false)
                .map_err(sampler_error)?,
        };
        links.push(sampler.take_link(id).map_err(sampler_error)?);
    }
    Ok((source, links))
}

fn sampler_error(source: aya::programs::ProgramError) -> CaptureError {
    CaptureError::Attach {
        program: PROGRAM,
        hook: "the CPU clock",
        source: Box::new(source),
    }
}
