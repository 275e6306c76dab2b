//! What any thread posts and one thread takes: a stack without a lock, linked through the posted things themselves.
//!
//! A thread that posts links its node to the newest one and then becomes the newest, by one compare-and-exchange; if
//! another one was faster, it links again. Who takes the nodes exchanges the newest for none, so each node is taken once,
//! and turns the list round: nodes of one thread keep their order. A node can't come back while its post is under way
//! (the "ABA" fault of such stacks), because only the whole list is ever taken.
//!
//! The nodes, and how a link is stored in one, are not known here.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::Ordering;

use crate::sync::{AtomicPtr, const_unless_loom};

/// A stack of nodes, of which the newest is known. Whoever posts a node gives it away until it is taken.
#[derive(Debug)]
pub struct Mailbox<T> {
    newest: AtomicPtr<T>,
}

impl<T> Mailbox<T> {
    const_unless_loom! {
        /// Makes an empty one.
        #[must_use]
        pub fn new() -> Self {
            Self { newest: AtomicPtr::new(null_mut()) }
        }
    }

    /// Returns whether nothing is posted.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.newest().is_null()
    }

    /// Returns the newest node, or null. It and those behind it may be taken at any time, unless the caller keeps the
    /// takers away.
    #[inline(always)]
    pub fn newest(&self) -> *mut T {
        self.newest.load(Ordering::Acquire)
    }

    /// Posts a node. `link` stores the next older node, or null, in it; it may be called several times.
    ///
    /// A wake-up follows (`Sleep::may_sleep`), and its fence comes after this.
    #[inline(always)]
    pub fn post(&self, node: NonNull<T>, link: impl Fn(*mut T)) {
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            link(newest);
            // What was stored in the node before is seen by who takes it.
            match self.newest.compare_exchange_weak(
                newest,
                node.as_ptr(),
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Takes out everything that is posted, and returns the oldest node, or null. `relink` exchanges the link in a node,
    /// which then leads to the next newer one.
    #[inline(always)]
    pub fn take(&self, relink: impl Fn(NonNull<T>, *mut T) -> *mut T) -> *mut T {
        let mut newest = self.newest.swap(null_mut(), Ordering::SeqCst);
        let mut oldest = null_mut();
        while let Some(node) = NonNull::new(newest) {
            newest = relink(node, oldest);
            oldest = node.as_ptr();
        }
        oldest
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self::new()
    }
}
