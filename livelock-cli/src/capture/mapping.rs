//! Kernel arrays mapped into our memory.
//!
//! In: the descriptor of a memory-mappable array. Out: pointers to its elements, and copies of them.
//! Refuses: references; the kernel writes to this memory while we read.

use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::ptr;

use memmap2::{MmapOptions, MmapRaw};

/// A mapped array of `T`.
pub(super) struct MappedArray<T> {
    map: MmapRaw,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Copy> MappedArray<T> {
    /// Maps `len` elements. `T` must be the value type of the map: a record of `livelock-common`, of
    /// which every bit pattern is valid.
    pub(super) fn new(fd: &impl AsRawFd, len: usize) -> std::io::Result<Self> {
        let bytes = (len * size_of::<T>()).next_multiple_of(page_size());
        let map = MmapOptions::new().len(bytes).map_raw(fd.as_raw_fd())?;
        Ok(Self {
            map,
            len,
            element: PhantomData,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Element `i`; `None` beyond the end.
    pub(super) fn get(&self, i: usize) -> Option<*mut T> {
        // SAFETY: inside the mapping.
        (i < self.len).then(|| unsafe { self.map.as_mut_ptr().cast::<T>().add(i) })
    }
}

/// Copies a record that the kernel may be writing to; the caller knows how to tell a torn copy.
///
/// # Safety
/// `from` points into a mapping and is aligned; every bit pattern is a `T`.
pub(super) unsafe fn copy<T: Copy>(from: *const T) -> T {
    // SAFETY: by contract.
    unsafe { ptr::read_volatile(from) }
}

fn page_size() -> usize {
    // SAFETY: no preconditions.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}
