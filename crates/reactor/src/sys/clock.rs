//! Reads the monotonic clock. `crate::clock` converts the result.

use std::mem::MaybeUninit;

/// macOS stops this clock while the machine sleeps, as it does `mach_absolute_time`, which CPython reads there.
#[cfg(target_os = "macos")]
const MONOTONIC: libc::clockid_t = libc::CLOCK_UPTIME_RAW;
#[cfg(not(target_os = "macos"))]
const MONOTONIC: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Nanoseconds in a second.
const NS_PER_SECOND: u64 = 1_000_000_000;

/// Returns the monotonic clock in nanoseconds.
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: `time` is writable and of the type that the call fills in.
    let result = unsafe { libc::clock_gettime(MONOTONIC, time.as_mut_ptr()) };
    // The call fails only for an unknown clock or a bad address; every supported kernel has this clock.
    assert!(result == 0, "the kernel has no monotonic clock");
    // SAFETY: the call succeeded, so it has filled in the whole of `time`.
    let time = unsafe { time.assume_init() };
    // Neither part of a monotonic clock is ever negative.
    time.tv_sec.cast_unsigned() * NS_PER_SECOND + time.tv_nsec.cast_unsigned()
}
