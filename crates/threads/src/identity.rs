//! A number for each thread that lives, at the price of one instruction.

/// Returns a number that no other living thread of the process has: even, never zero, the same in a forked child.
///
/// A thread that has ended may have had the same number. It is the address of something that belongs to the thread, so
/// everything that the earlier thread did happened before the later one began.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(any(loom, miri))))]
#[inline(always)]
#[must_use]
pub fn identity() -> usize {
    let address: usize;
    // SAFETY: the first word of a thread's control block is its own address, as the ABI of thread-local storage
    // requires on this architecture.
    unsafe {
        std::arch::asm!("mov {}, fs:0", out(reg) address, options(nostack, preserves_flags, pure, readonly));
    };
    address
}

/// As above: the register of the control block.
#[cfg(all(target_os = "linux", target_arch = "aarch64", not(any(loom, miri))))]
#[inline(always)]
#[must_use]
pub fn identity() -> usize {
    let address: usize;
    // SAFETY: reads a register that every program may read.
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) address, options(nostack, nomem, preserves_flags, pure));
    };
    address
}

/// As above: the address of a variable of the thread.
#[cfg(not(any(
    loom,
    all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))
)))]
#[inline]
#[must_use]
pub fn identity() -> usize {
    thread_local! {
        static OURS: u64 = const { 0 };
    }
    OURS.with(|ours| std::ptr::from_ref(ours).addr())
}

/// As above: loom's threads are none of the system's.
#[cfg(loom)]
#[must_use]
pub fn identity() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(2);
    loom::thread_local! {
        static OURS: usize = NEXT.fetch_add(2, Ordering::Relaxed);
    }
    OURS.with(|ours| *ours)
}
