//! How other threads get the attention of a loop: one write to the kernel, and only when the loop may be asleep.
//!
//! A message for the loop is published first (in an inbox that this file does not know), then the bell is rung. The
//! write costs more than everything else together, so the bell remembers whether anybody sleeps:
//!
//! | State  | Who leaves it        | To     | With                                                   |
//! |--------|----------------------|--------|--------------------------------------------------------|
//! | awake  | the loop             | asleep | `prepare_to_sleep`, then it looks at its inbox again    |
//! | asleep | the first who rings  | rung   | the one write of this sleep                             |
//! | asleep | the loop             | awake  | `awake`: something else ended the sleep                 |
//! | rung   | the loop             | awake  | `awake`                                                 |
//!
//! No message is slept over. The one who rings publishes and then reads the state; the loop writes the state and then
//! looks for messages. With a sequentially consistent fence between the two steps on both sides, at least one of them
//! sees what the other did: either the loop finds the message, or the ringer finds the loop asleep. Weaker orderings
//! would let both look before the other's step has arrived.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering, fence};
use std::sync::{PoisonError, RwLock};

use crate::Waker;

/// A bell that is heard by a sleeping loop and costs an awake one nothing.
///
/// ```
/// use reactor::{Poller, Timeout, Wakeup};
/// let mut poller = Poller::new()?;
/// let wakeup = Wakeup::new(poller.waker());
///
/// wakeup.prepare_to_sleep();
/// // Here the loop looks at its inbox once more, and finds nothing.
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
    /// Only a ring that writes takes the lock, and shares it with others: a thread that vanished in a `fork()` while
    /// it held the lock does not keep the child's threads from ringing.
    ///
    /// Absent after [`disconnect`](Self::disconnect).
    waker: RwLock<Option<Waker>>,
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const RUNG: u8 = 2;

impl Wakeup {
    /// A bell for a loop that is awake.
    #[must_use]
    pub const fn new(waker: Waker) -> Self {
        Self { state: AtomicU8::new(AWAKE), waker: RwLock::new(Some(waker)) }
    }

    /// Wakes the loop if it may be asleep and nobody has woken it yet. To be called after the message was published.
    ///
    /// # Errors
    ///
    /// The kernel's, from writing to the waker.
    #[inline]
    pub fn ring(&self) -> io::Result<()> {
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Relaxed) == ASLEEP { self.ring_sleeper() } else { Ok(()) }
    }

    /// Says that the loop is about to block. It has to look at its inbox once more before it does.
    #[inline]
    pub fn prepare_to_sleep(&self) {
        self.state.store(ASLEEP, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Says that the loop no longer blocks and will look at its inbox before it does again.
    #[inline]
    pub fn awake(&self) {
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// Whether the loop may be asleep with nobody having rung.
    #[inline]
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ASLEEP
    }

    /// Rings another waker from now on. Only the loop calls it, while it is awake.
    ///
    /// A waker that was rebuilt in place is recognised and nothing is locked.
    pub fn replace_waker(&self, waker: Waker) {
        let unchanged = self.waker.read().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&waker);
        if !unchanged {
            *self.waker.write().unwrap_or_else(PoisonError::into_inner) = Some(waker);
        }
    }

    /// Lets go of the waker, and of its descriptor with it: the loop is closed, and ringing does nothing any more.
    pub fn disconnect(&self) {
        let waker = self.waker.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(waker);
    }

    /// The one write of this sleep, by whichever thread changes the state.
    #[cold]
    fn ring_sleeper(&self) -> io::Result<()> {
        let first = self.state.compare_exchange(ASLEEP, RUNG, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        match &*self.waker.read().unwrap_or_else(PoisonError::into_inner) {
            Some(waker) if first => waker.wake(),
            _ => Ok(()),
        }
    }
}
