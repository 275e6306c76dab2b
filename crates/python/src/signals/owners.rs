//! The owner of the process's signal wake-up descriptor, and its previous owners: there is one for all loops of a
//! process.
//!
//! A loop that takes it cuts off the previous owner, so numbers that arrive are passed on: to the last of the other
//! owners that still exists, as if the loop were not there, and to the other loops that have handlers. Numbers for
//! another vitok loop are marked, so that it does not pass them on again: two loops could go on for ever.

use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reactor::{file_behind, offer};

/// Marks a number that another loop has passed on. Numbers of signals are below it.
pub(super) const HANDED_ON: u8 = 0x80;

/// A descriptor that was set by other code, and the file behind it: the number may be reused.
struct PreviousOwner {
    descriptor: RawFd,
    file: (u64, u64),
}

/// The lock is held for a few instructions and writes that can't block, in attached threads: a fork, which waits until the
/// other threads have stopped, never meets it locked.
struct Owners {
    /// In the order in which a loop replaced them.
    previous: Vec<PreviousOwner>,
    /// The pipes of the loops that hold the descriptor; the one that took it last is at the end.
    loops: Vec<RawFd>,
}

static OWNERS: Mutex<Owners> = Mutex::new(Owners { previous: Vec::new(), loops: Vec::new() });

fn owners() -> MutexGuard<'static, Owners> {
    OWNERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records that a loop has replaced `before` by its pipe. Returns whether numbers are to be passed on.
pub(super) fn note_taken(own: RawFd, before: RawFd) -> bool {
    let mut owners = owners();
    owners.loops.retain(|&known| known != own);
    if before != own && before >= 0 && !owners.loops.contains(&before) {
        owners.previous.retain(|owner| owner.descriptor != before && owner.exists());
        if let Some(file) = file_behind(before) {
            owners.previous.push(PreviousOwner { descriptor: before, file });
        }
    }
    owners.loops.push(own);
    !owners.previous.is_empty() || owners.loops.len() > 1
}

/// Returns the descriptor to set when a loop gives its own back, or -1 for none.
pub(super) fn next_after(own: RawFd) -> RawFd {
    let mut owners = owners();
    owners.loops.retain(|&known| known != own);
    owners.previous.retain(PreviousOwner::exists);
    let previous = owners.previous.last().map_or(-1, |owner| owner.descriptor);
    owners.loops.last().copied().unwrap_or(previous)
}

/// Passes on numbers that a loop has read: all of them to the last previous owner, and to the other loops those for
/// which this loop has no handler.
pub(super) fn hand_on(own: RawFd, numbers: &[u8], is_claimed: impl Fn(u8) -> bool) {
    let owners = owners();
    if let Some(owner) = owners.previous.iter().rfind(|owner| owner.exists()) {
        offer(owner.descriptor, numbers);
    }
    for &pipe in owners.loops.iter().filter(|&&pipe| pipe != own) {
        for number in numbers.iter().filter(|&&number| !is_claimed(number)) {
            offer(pipe, &[number | HANDED_ON]);
        }
    }
}

/// Forgets the previous owners once no loop holds the descriptor.
pub(super) fn note_given_back() {
    let mut owners = owners();
    if owners.loops.is_empty() {
        owners.previous.clear();
    }
}

/// Returns the descriptor to set in the child of a `fork()`, where no loop holds it, if one did in the parent: -1 for
/// none.
pub(super) fn next_in_child() -> Option<RawFd> {
    let mut owners = owners();
    let held = !owners.loops.is_empty();
    owners.loops.clear();
    let previous = owners.previous.drain(..).rfind(PreviousOwner::exists);
    held.then(|| previous.map_or(-1, |owner| owner.descriptor))
}

impl PreviousOwner {
    fn exists(&self) -> bool {
        file_behind(self.descriptor) == Some(self.file)
    }
}
