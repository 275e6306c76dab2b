//! Two fences that order memory together as two `fence(SeqCst)` do: one for a step that is taken all the time, which
//! costs nothing, and one for a step that is hardly ever taken, which costs a system call.
//!
//! One thread writes X, passes the light fence and reads Y; another one writes Y, passes the heavy fence and reads X.
//! At least one of them sees what the other one wrote. The light fence only keeps the compiler from exchanging the two
//! steps. The heavy one makes the kernel run a full barrier on every processor that executes this process
//! (membarrier(2)), at some point of what the first thread does: if that point is behind the write of X, the write has
//! become visible; if it is before, the read of Y comes later than the write of Y.

pub(crate) use kind::{heavy, is_there, light};

/// What the kernel offers.
#[cfg(all(target_os = "linux", not(any(loom, miri))))]
mod kind {
    use std::io;
    use std::sync::atomic::{AtomicU8, Ordering, compiler_fence};

    /// Whether the kernel has the fence, as far as it was asked: 0 not yet, 1 it has, 2 it has not.
    static KNOWN: AtomicU8 = AtomicU8::new(0);

    #[inline(always)]
    pub(crate) fn light() {
        compiler_fence(Ordering::SeqCst);
    }

    /// Returns whether the heavy fence works here: Linux since 4.14, unless a filter forbids the call.
    pub(crate) fn is_there() -> bool {
        match KNOWN.load(Ordering::Relaxed) {
            0 => {
                let works = call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED).is_ok()
                    && call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED).is_ok();
                KNOWN.store(if works { 1 } else { 2 }, Ordering::Relaxed);
                works
            }
            known => known == 1,
        }
    }

    /// The heavy fence. A process registers for it once; if a forked child has lost that, it registers again.
    pub(crate) fn heavy() -> io::Result<()> {
        call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED).or_else(|_| {
            call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)?;
            call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
        })
    }

    fn call(command: libc::c_int) -> io::Result<()> {
        // SAFETY: the call takes three numbers and touches no memory of the process.
        let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// The model: both are what they stand for.
#[cfg(any(loom, miri))]
mod kind {
    use std::io;
    use std::sync::atomic::Ordering;

    #[cfg(loom)]
    use loom::sync::atomic::fence;
    #[cfg(miri)]
    use std::sync::atomic::fence;

    pub(crate) fn light() {
        fence(Ordering::SeqCst);
    }

    pub(crate) fn is_there() -> bool {
        true
    }

    #[expect(clippy::unnecessary_wraps, reason = "the same interface as the kernel's")]
    pub(crate) fn heavy() -> io::Result<()> {
        fence(Ordering::SeqCst);
        Ok(())
    }
}

/// Systems without such a call: nobody may rely on the light fence.
#[cfg(not(any(target_os = "linux", loom, miri)))]
mod kind {
    use std::io;
    use std::sync::atomic::{Ordering, compiler_fence};

    #[inline(always)]
    pub(crate) fn light() {
        compiler_fence(Ordering::SeqCst);
    }

    pub(crate) fn is_there() -> bool {
        false
    }

    pub(crate) fn heavy() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
