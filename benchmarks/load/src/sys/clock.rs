//! The CPU time of a thread, as counted by the kernel.

use std::time::Duration;

use super::checked;
use crate::failure::{Doing, Failure};

/// Returns user and system time of the calling thread since it began (`clock_gettime(2)`).
pub(crate) fn thread_time() -> Result<Duration, Failure> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure outlives the call.
    checked(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) })
        .doing("clock_gettime")?;
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Ok(Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_what_the_thread_does() {
        let before = thread_time().unwrap();
        while thread_time().unwrap() == before {}
        assert!(thread_time().unwrap() > before);
    }
}
