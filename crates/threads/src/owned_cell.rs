//! A value that one thread reaches nearly always: its owner pays no atomic read-modify-write instruction.
//!
//! | `owner`            | Who enters by which way                                                        |
//! |--------------------|--------------------------------------------------------------------------------|
//! | `NOBODY`           | nobody was inside yet: the first thread becomes the owner                      |
//! | a thread           | this one by the flag `busy`; any other takes the cell from it first            |
//! | a thread + `TAKEN` | everybody by the lock; that thread may not have noticed that it lost the cell  |
//! | `SHARED`           | everybody by the lock                                                          |
//!
//! **The owner** sets `busy`, passes the light fence (see `fences`), sees that it still is the owner, uses the value and
//! clears `busy`. **Another thread** takes the lock, marks the owner with `TAKEN`, passes the heavy fence and waits until
//! `busy` is clear. The fences make one of them see the other: either the owner finds the mark, clears `busy` and comes
//! by the lock as well, or the other thread finds `busy` set and waits for a release that orders the owner's accesses
//! before its own. From then on the lock orders everything.
//!
//! **Getting the cell back.** `busy` belongs to one thread: whether the cell is taken cannot be said by two. A thread that
//! has lost the cell may be about to set `busy`, because it looked at `owner` before it was marked; it clears `busy` again
//! when it finds the mark, and would clear that of a new owner. So a cell is given to another thread only after the one
//! before has shown that it is past that point: by entering through the lock, or by [`OwnedCell::give_up`].
//!
//! **Waiting.** Nobody waits while it has the lock, and a thread that waits for long does so aside ([`Aside`]), where it
//! writes nothing: a process that forks meanwhile leaves no lock of a waiting thread in the child.
//!
//! A thread that enters again while it is inside panics, whichever way it came.

use std::marker::PhantomData;
use std::sync::atomic::Ordering;

use crate::fences;
use crate::identity::identity;
use crate::sync::{AtomicBool, AtomicUsize, UnsafeCell, const_unless_loom, spin, wait_until};

const NOBODY: usize = 0;
/// A bit of `owner`: identities are even.
const TAKEN: usize = 1;
const SHARED: usize = TAKEN;
/// The `holder` of a lock that nobody has.
const NO_HOLDER: usize = 0;

/// How a thread waits for long for another one: at a place where nothing has to wait for it.
pub trait Aside {
    /// Runs `wait` once, which blocks and touches nothing but numbers.
    fn aside(wait: impl FnOnce());
}

/// Waits where it is.
#[derive(Debug)]
pub struct Here;

impl Aside for Here {
    fn aside(wait: impl FnOnce()) {
        wait();
    }
}

/// A value that any thread may reach, one at a time, and one of them cheaply.
///
/// ```
/// use threads::OwnedCell;
/// let cell = OwnedCell::<_>::new(Vec::new());
/// cell.with(|list| list.push("this thread owns it"));
/// std::thread::scope(|scope| {
///     scope.spawn(|| cell.with(|list| list.push("and now nobody does")));
/// });
/// assert_eq!(cell.with(|list| list.len()), 2);
/// assert_eq!(cell.with_if_owner(|list| list.len()), None);
/// ```
#[derive(Debug)]
pub struct OwnedCell<T, A = Here> {
    /// Written by the thread that has the lock, except from `NOBODY`, which is left by compare-and-exchange.
    owner: AtomicUsize,
    /// The lock: the thread that has it. A thread finds itself here, or does not, whatever others do.
    holder: AtomicUsize,
    /// Whether the owner is inside. Only the thread that `owner` names, with or without the mark, writes it.
    busy: AtomicBool,
    aside: PhantomData<fn(A)>,
    value: UnsafeCell<T>,
}

// SAFETY: any thread may get at the value and may even take it out, so it must be `Send`; `enter` keeps them apart, so
// that the value itself is never used by two at a time.
unsafe impl<T: Send, A> Sync for OwnedCell<T, A> {}

/// A thread is inside, until this is dropped: also by a panic.
struct Inside<'a> {
    busy: &'a AtomicBool,
    /// Set if the thread came by the lock.
    locked: Option<Locked<'a>>,
}

/// A thread has the lock, until this is dropped.
struct Locked<'a>(&'a AtomicUsize);

impl<T, A: Aside> OwnedCell<T, A> {
    const_unless_loom! {
        /// Makes a cell that the first thread to enter it will own.
        #[must_use]
        pub fn new(value: T) -> Self {
            Self::with_owner(NOBODY, value)
        }
    }

    const_unless_loom! {
        /// Makes a cell that no thread owns until one [claims](Self::claim) it.
        #[must_use]
        pub fn new_shared(value: T) -> Self {
            Self::with_owner(SHARED, value)
        }
    }

    const_unless_loom! {
        fn with_owner(owner: usize, value: T) -> Self {
            Self {
                owner: AtomicUsize::new(owner),
                holder: AtomicUsize::new(NO_HOLDER),
                busy: AtomicBool::new(false),
                aside: PhantomData,
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Runs `body` on the value, while no other thread is inside.
    ///
    /// `body` must be short: others wait for it, and the owner cannot be asked to hurry.
    ///
    /// # Panics
    ///
    /// If the thread is inside already.
    #[inline(always)]
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        let inside = self.enter();
        // SAFETY: while `inside` lives, no other thread and no other call of this one is inside.
        let result = self.value.with_mut(|value| body(unsafe { &mut *value }));
        drop(inside);
        result
    }

    /// As [`with`](Self::with), if the cell is the calling thread's, or nobody's yet; otherwise does nothing and returns
    /// `None`.
    ///
    /// # Panics
    ///
    /// If the thread is inside already.
    #[inline(always)]
    pub fn with_if_owner<R>(&self, body: impl FnOnce(&mut T) -> R) -> Option<R> {
        let me = identity();
        if !self.enter_as_owner(me) && !self.enter_first(me) {
            return None;
        }
        let inside = Inside { busy: &self.busy, locked: None };
        // SAFETY: as in `with`.
        let result = self.value.with_mut(|value| body(unsafe { &mut *value }));
        drop(inside);
        Some(result)
    }

    /// Returns what `look` reads from the value, or `None` if a thread is inside.
    ///
    /// # Safety
    ///
    /// While this runs, no other thread starts to use the cell: it is stopped, or has no reference to it.
    pub unsafe fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        if self.busy.load(Ordering::Acquire) || self.holder.load(Ordering::Acquire) != NO_HOLDER {
            return None;
        }
        // SAFETY: nobody is inside, and nobody enters meanwhile, as the caller promises. `look` gets no `&mut`.
        Some(self.value.with(|value| look(unsafe { &*value })))
    }

    /// Makes the calling thread the owner. Returns whether it is: not while another thread is the owner, or was when the
    /// cell was taken from it and has not been here since. An owner pays next to nothing.
    ///
    /// # Panics
    ///
    /// If the thread is inside a cell that it does not own.
    #[inline(always)]
    pub fn claim(&self) -> bool {
        let me = identity();
        self.owner.load(Ordering::Relaxed) == me || self.claim_from_others(me)
    }

    #[cold]
    #[inline(never)]
    fn claim_from_others(&self, me: usize) -> bool {
        let locked = self.lock(me);
        let found = self.owner.load(Ordering::Relaxed);
        let is_free = found == SHARED || found == NOBODY || found == me | TAKEN;
        // Under the lock, `owner` is only ever changed by a first thread that finds NOBODY.
        let is_mine = found == me
            || is_free
                && fences::is_there()
                && self.owner.compare_exchange(found, me, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        drop(locked);
        is_mine
    }

    /// Ends the calling thread's ownership, if it has any, so that another one can claim the cell.
    ///
    /// # Panics
    ///
    /// If the thread is inside.
    pub fn give_up(&self) {
        let me = identity();
        let locked = self.lock(me);
        if self.owner.load(Ordering::Relaxed) & !TAKEN == me {
            self.owner.store(SHARED, Ordering::Relaxed);
        }
        drop(locked);
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    #[inline(always)]
    fn enter(&self) -> Inside<'_> {
        let me = identity();
        let locked = if self.enter_as_owner(me) { None } else { self.enter_otherwise(me) };
        Inside { busy: &self.busy, locked }
    }

    /// Enters if the thread is the owner.
    #[inline(always)]
    fn enter_as_owner(&self, me: usize) -> bool {
        if self.owner.load(Ordering::Relaxed) != me {
            return false;
        }
        if self.busy.load(Ordering::Relaxed) {
            entered_twice();
        }
        self.busy.store(true, Ordering::Relaxed);
        fences::light();
        if self.owner.load(Ordering::Relaxed) == me {
            return true;
        }
        // Taken meanwhile by a thread that may wait for this.
        self.busy.store(false, Ordering::Release);
        false
    }

    /// Makes the thread the owner of a cell that nobody has entered, and enters.
    #[inline]
    fn enter_first(&self, me: usize) -> bool {
        self.owner.load(Ordering::Relaxed) == NOBODY
            && fences::is_there()
            && self.owner.compare_exchange(NOBODY, me, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && self.enter_as_owner(me)
    }

    #[cold]
    #[inline(never)]
    fn enter_otherwise(&self, me: usize) -> Option<Locked<'_>> {
        if self.enter_first(me) {
            return None;
        }
        loop {
            let locked = self.lock(me);
            let mut found = self.owner.load(Ordering::Relaxed);
            if found == NOBODY {
                // If a first thread is faster, it is the owner.
                let left = self.owner.compare_exchange(NOBODY, SHARED, Ordering::Relaxed, Ordering::Relaxed);
                found = left.err().unwrap_or(SHARED);
            }
            if found == me {
                // Another thread could not take the cell. It needs the lock before it tries again.
                self.busy.store(true, Ordering::Relaxed);
                return None;
            }
            if found == me | TAKEN {
                // This thread will set `busy` no more.
                self.owner.store(SHARED, Ordering::Relaxed);
                return Some(locked);
            }
            if found & TAKEN == 0 {
                self.take_from(found);
            }
            // The release that clears `busy` comes after everything that the owner did inside.
            if found == SHARED || spin(|| !self.busy.load(Ordering::Acquire)) {
                return Some(locked);
            }
            drop(locked);
            A::aside(|| wait_until(|| !self.busy.load(Ordering::Relaxed)));
        }
    }

    /// Ends the ownership of another thread, which may still be inside. The calling thread has the lock.
    fn take_from(&self, owner: usize) {
        self.owner.store(owner | TAKEN, Ordering::Relaxed);
        if let Err(error) = fences::heavy() {
            // The owner has not noticed, or waits for the lock.
            self.owner.store(owner, Ordering::Relaxed);
            panic!("membarrier(2), which has worked in this process, fails: {error}");
        }
    }

    fn lock(&self, me: usize) -> Locked<'_> {
        if self.holder.load(Ordering::Relaxed) == me || self.is_inside_as_owner(me) {
            entered_twice();
        }
        let take =
            || self.holder.compare_exchange(NO_HOLDER, me, Ordering::Acquire, Ordering::Relaxed).is_ok();
        while !spin(take) {
            A::aside(|| wait_until(|| self.holder.load(Ordering::Relaxed) == NO_HOLDER));
        }
        Locked(&self.holder)
    }

    /// Returns whether this thread is inside by `busy`: it may be the owner that the cell was taken from meanwhile.
    fn is_inside_as_owner(&self, me: usize) -> bool {
        self.owner.load(Ordering::Relaxed) & !TAKEN == me && self.busy.load(Ordering::Relaxed)
    }
}

impl Drop for Inside<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.locked.is_none() {
            // Whoever waits for `busy` sees what this thread did.
            self.busy.store(false, Ordering::Release);
        }
    }
}

impl Drop for Locked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.store(NO_HOLDER, Ordering::Release);
    }
}

#[cold]
#[inline(never)]
fn entered_twice() -> ! {
    panic!("a cell was entered twice by one thread");
}
