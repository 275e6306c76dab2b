//! How other threads wake a loop: one write to the kernel, and only when the loop may be asleep.
//!
//! A message for the loop is published first (in a queue that is not known here), then the loop is woken. The write
//! costs more than everything else together, so this type remembers whether the loop sleeps: [`threads::Sleep`] has the
//! states, and the reason why no message is missed.

use std::io;
use std::sync::{PoisonError, RwLock};

use threads::Sleep;

use crate::Waker;

/// Wakes a loop that sleeps, and costs nothing while it is awake.
///
/// ```
/// use reactor::{Poller, Timeout, Wakeup};
/// let mut poller = Poller::new()?;
/// let wakeup = Wakeup::new(poller.waker());
///
/// wakeup.prepare_to_sleep();
/// // Here the loop looks at its queue once more, and finds nothing.
/// let events = std::thread::scope(|scope| {
///     scope.spawn(|| wakeup.ring());
///     poller.wait(Timeout::Never)
/// });
/// wakeup.awake();
/// assert_eq!(events?, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Wakeup {
    sleep: Sleep,
    /// The lock is taken only by a call that writes, and is shared: a thread that disappeared in a `fork()` while it
    /// held the lock does not keep the child's threads from waking the loop.
    ///
    /// `None` after [`disconnect`](Self::disconnect).
    waker: RwLock<Option<Waker>>,
}

impl Wakeup {
    /// Creates the wake-up of a loop that is awake.
    #[must_use]
    pub const fn new(waker: Waker) -> Self {
        Self { sleep: Sleep::new(), waker: RwLock::new(Some(waker)) }
    }

    /// Wakes the loop if it may be asleep and was not woken yet. Call this after the message was published.
    ///
    /// # Errors
    ///
    /// The kernel's, from writing to the waker.
    #[inline]
    pub fn ring(&self) -> io::Result<()> {
        if self.sleep.may_sleep() { self.ring_sleeper() } else { Ok(()) }
    }

    /// Records that the loop is about to block. It has to look at its queue once more before it does.
    #[inline]
    pub fn prepare_to_sleep(&self) {
        self.sleep.prepare_to_sleep();
    }

    /// Records that the loop no longer blocks, and will look at its queue before it blocks again.
    #[inline]
    pub fn awake(&self) {
        self.sleep.awake();
    }

    /// Returns whether the loop may be asleep and was not woken.
    #[inline]
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.sleep.is_asleep()
    }

    /// Replaces the waker. Only the loop calls this, while it is awake.
    ///
    /// If the waker was rebuilt in place, nothing changes and nothing is locked.
    pub fn replace_waker(&self, waker: Waker) {
        let unchanged = self.waker.read().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&waker);
        if !unchanged {
            *self.waker.write().unwrap_or_else(PoisonError::into_inner) = Some(waker);
        }
    }

    /// Drops the waker, and its descriptor with it: the loop is closed, and waking does nothing any more.
    pub fn disconnect(&self) {
        let waker = self.waker.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(waker);
    }

    /// Does the one write of this sleep, in the thread that changes the state.
    #[cold]
    fn ring_sleeper(&self) -> io::Result<()> {
        let first = self.sleep.ring();
        match &*self.waker.read().unwrap_or_else(PoisonError::into_inner) {
            Some(waker) if first => waker.wake(),
            _ => Ok(()),
        }
    }
}
