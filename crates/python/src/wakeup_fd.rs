//! Whose the process's wake-up descriptor of signals is, and was before: there is one for all loops of a process.
//!
//! A loop takes it and leaves whoever had it before without news; so what arrives is handed on. That is to the last of the
//! others that is still there, as it would be without us, and to the other loops that have handlers. Numbers for a loop of
//! ours are marked, so that it hands them on to nobody: else two loops could go on for ever.

use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reactor::{file_behind, offer};

/// Marks a number that another loop has handed on. Numbers of signals are below it.
pub(crate) const HANDED_ON: u8 = 0x80;

/// Somebody else who had the descriptor: its number, and the file behind it. The number may be used again.
struct Other {
    descriptor: RawFd,
    file: (u64, u64),
}

/// All who have it or had it.
struct Owners {
    /// Not ours, the last one at the end.
    others: Vec<Other>,
    /// The pipes of the loops that hold it, the one that took it last at the end.
    loops: Vec<RawFd>,
}

static OWNERS: Mutex<Owners> = Mutex::new(Owners { others: Vec::new(), loops: Vec::new() });

fn owners() -> MutexGuard<'static, Owners> {
    OWNERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A loop has put its pipe in the place of `before`; whether there is anybody to hand on to.
pub(crate) fn taken(own: RawFd, before: RawFd) -> bool {
    let mut owners = owners();
    owners.loops.retain(|&known| known != own);
    if before != own && before >= 0 && !owners.loops.contains(&before) {
        owners.others.retain(|other| other.descriptor != before && other.is_there());
        if let Some(file) = file_behind(before) {
            owners.others.push(Other { descriptor: before, file });
        }
    }
    owners.loops.push(own);
    !owners.others.is_empty() || owners.loops.len() > 1
}

/// A loop is about to let go of it; who is to have it next, -1 for nobody.
pub(crate) fn next_after(own: RawFd) -> RawFd {
    let mut owners = owners();
    owners.loops.retain(|&known| known != own);
    owners.others.retain(Other::is_there);
    let other = owners.others.last().map_or(-1, |other| other.descriptor);
    owners.loops.last().copied().unwrap_or(other)
}

/// Hands numbers on that a loop has read: all of them to whoever had the descriptor before, and to the other loops those
/// that `is_its_own` does not claim for this one.
pub(crate) fn hand_on(own: RawFd, numbers: &[u8], is_its_own: impl Fn(u8) -> bool) {
    let owners = owners();
    if let Some(other) = owners.others.iter().rfind(|other| other.is_there()) {
        offer(other.descriptor, numbers);
    }
    for &pipe in owners.loops.iter().filter(|&&pipe| pipe != own) {
        for number in numbers.iter().filter(|&&number| !is_its_own(number)) {
            offer(pipe, &[number | HANDED_ON]);
        }
    }
}

/// Nobody holds it any more: it is back where it was.
pub(crate) fn given_back() {
    let mut owners = owners();
    if owners.loops.is_empty() {
        owners.others.clear();
    }
}

/// In the child of a `fork()` no loop holds it. Who is to have it there, if one held it in the parent; -1 for nobody.
pub(crate) fn next_in_child() -> Option<RawFd> {
    let mut owners = owners();
    let held = !owners.loops.is_empty();
    owners.loops.clear();
    let other = owners.others.drain(..).rfind(Other::is_there);
    held.then(|| other.map_or(-1, |other| other.descriptor))
}

impl Other {
    fn is_there(&self) -> bool {
        file_behind(self.descriptor) == Some(self.file)
    }
}
