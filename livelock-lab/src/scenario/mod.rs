//! One file per scenario: the operation that its threads repeat.

mod compute;
mod fd_table;
mod futex_bucket;
mod getppid;
mod pipe_resize;

pub(crate) use compute::compute;
pub(crate) use fd_table::fd_table;
pub(crate) use futex_bucket::futex_bucket;
pub(crate) use getppid::getppid;
pub(crate) use pipe_resize::pipe_resize;
