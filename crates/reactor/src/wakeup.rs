//! How other threads wake a loop: one write to the kernel, and only when the loop may be asleep.
//!
//! A message for the loop is published first (in a queue that is not known here), then the loop is woken. The write
//! costs more than everything else together, so this type remembers whether the loop sleeps:
//!
//! | State  | Who leaves it          | To     | With                                                    |
//! |--------|------------------------|--------|---------------------------------------------------------|
//! | awake  | the loop               | asleep | `prepare_to_sleep`, then it looks at its queue again    |
//! | asleep | the first other thread | rung   | the one write of this sleep                             |
//! | asleep | the loop               | awake  | `awake`: something else ended the sleep                 |
//! | rung   | the loop               | awake  | `awake`                                                 |
//!
//! No message is missed by a sleeping loop. The other thread publishes the message and then reads the state; the loop
//! writes the state and then looks for messages. A sequentially consistent fence between the two steps on both sides
//! guarantees that at least one of them sees what the other did: either the loop finds the message, or the thread finds
//! the loop asleep. With weaker orderings both could look before the other's step is visible.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering, fence};
use std::sync::{PoisonError, RwLock};

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
    state: AtomicU8,
    /// The lock is taken only by a call that writes, and is shared: a thread that disappeared in a `fork()` while it
    /// held the lock does not keep the child's threads from waking the loop.
    ///
    /// `None` after [`disconnect`](Self::disconnect).
    waker: RwLock<Option<Waker>>,
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const RUNG: u8 = 2;

impl Wakeup {
    /// Creates the wake-up of a loop that is awake.
    #[must_use]
    pub const fn new(waker: Waker) -> Self {
        Self { state: AtomicU8::new(AWAKE), waker: RwLock::new(Some(waker)) }
    }

    /// Wakes the loop if it may be asleep and was not woken yet. Call this after the message was published.
    ///
    /// # Errors
    ///
    /// The kernel's, from writing to the waker.
    #[inline]
    pub fn ring(&self) -> io::Result<()> {
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Relaxed) == ASLEEP { self.ring_sleeper() } else { Ok(()) }
    }

    /// Records that the loop is about to block. It has to look at its queue once more before it does.
    #[inline]
    pub fn prepare_to_sleep(&self) {
        self.state.store(ASLEEP, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Records that the loop no longer blocks, and will look at its queue before it blocks again.
    #[inline]
    pub fn awake(&self) {
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// Returns whether the loop may be asleep and was not woken.
    #[inline]
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ASLEEP
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
        let first = self.state.compare_exchange(ASLEEP, RUNG, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        match &*self.waker.read().unwrap_or_else(PoisonError::into_inner) {
            Some(waker) if first => waker.wake(),
            _ => Ok(()),
        }
    }
}
