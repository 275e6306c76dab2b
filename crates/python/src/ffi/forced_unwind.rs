//! Makes a thread hang that `pthread_exit` ends while native code is on its stack.
//!
//! Below Python 3.14 the interpreter ends a daemon thread that asks for the GIL during finalization by `pthread_exit`.
//! That may happen in any call that can run bytecode, in a deallocation, in a collection, and after a wait without the
//! GIL. glibc then unwinds the stack by force: frame after frame, it calls the frame's personality routine. Rust's
//! routine would run destructors, which release objects without the GIL, and would abort the process at the first
//! `catch_unwind` or function that is declared not to unwind. The routine of this file precedes Rust's and never
//! returns from a forced unwind, so the thread hangs before any destructor runs, as all such threads do from Python
//! 3.14 on.
//!
//! The unwinder finds the routine for all Rust code of this library, with PyO3 and the standard library, through one
//! pointer. So every call that leaves Rust is covered, at no cost for any of them.

/// Makes threads hang that `pthread_exit` ends within this library. Called once, when the module is created.
pub(crate) fn hang_threads() {
    #[cfg(all(any(target_os = "linux", target_os = "freebsd"), not(target_arch = "arm")))]
    personality::install();
}

// On macOS `pthread_exit` does not unwind. 32-bit ARM has tables of its own, without the pointer.
#[cfg(all(any(target_os = "linux", target_os = "freebsd"), not(target_arch = "arm")))]
mod personality {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::{AtomicPtr, Ordering};

    /// `_UA_FORCE_UNWIND` of the Itanium C++ ABI (Exception Handling, section 1.6.1): the unwind can't be stopped.
    const FORCED: c_int = 8;

    unsafe extern "C" {
        /// The word through which frames of position-independent code refer to their personality routine, as LLVM names
        /// it. Each library has its own, which is writable because the dynamic linker sets it.
        #[link_name = "DW.ref.rust_eh_personality"]
        static ROUTINE: AtomicPtr<c_void>;

        /// Rust's own routine, with the signature that the ABI defines for all of them.
        fn rust_eh_personality(
            version: c_int,
            actions: c_int,
            class: u64,
            exception: *mut c_void,
            context: *mut c_void,
        ) -> c_int;
    }

    pub(super) fn install() {
        // SAFETY: a word that is aligned and lives as long as the library; only the unwinder reads it.
        let place = unsafe { &ROUTINE };
        place.store(hang_or_unwind as *mut c_void, Ordering::Release);
    }

    /// It has the ABI's signature, too.
    unsafe extern "C" fn hang_or_unwind(
        version: c_int,
        actions: c_int,
        class: u64,
        exception: *mut c_void,
        context: *mut c_void,
    ) -> c_int {
        if actions & FORCED != 0 {
            loop {
                // SAFETY: the call has no preconditions. It returns after each signal.
                unsafe { libc::pause() };
            }
        }
        // SAFETY: what the unwinder passes for a frame whose routine this is.
        unsafe { rust_eh_personality(version, actions, class, exception, context) }
    }
}
