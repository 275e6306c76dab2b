//! The limits of the process: its core and its descriptors.

use std::mem;

use super::checked;
use crate::failure::{Doing, Failure};

/// Runs on that core only, so that client and server do not share one.
pub(crate) fn pin_to(core: usize) -> Result<(), Failure> {
    if core >= libc::CPU_SETSIZE.cast_unsigned() as usize {
        return Err(Failure::Usage(format!("--core {core}: no such core")));
    }
    // SAFETY: a set of processors is an array of bits, and all of them may be zero.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the number is within the set, as checked above.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the set is of the size that is given. 0 is this process.
    checked(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })
        .doing("pinning to --core")?;
    Ok(())
}

/// Allows as many descriptors as the system permits without privileges.
pub(crate) fn raise_descriptors() -> Result<(), Failure> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure outlives the call.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }).doing("getrlimit")?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the structure outlives the call.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }).doing("setrlimit")?;
    Ok(())
}
