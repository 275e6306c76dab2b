//! Whether a thread sleeps, so that others wake it only then, and once.
//!
//! | State  | Who leaves it          | To     | With                                                      |
//! |--------|------------------------|--------|-----------------------------------------------------------|
//! | awake  | the sleeper            | asleep | `prepare_to_sleep`, then it looks for messages once more  |
//! | asleep | the first other thread | rung   | `ring`, and this thread does what wakes it                |
//! | asleep | the sleeper            | awake  | `awake`: something else ended the sleep                   |
//! | rung   | the sleeper            | awake  | `awake`                                                   |
//!
//! No message is missed by a sleeper. The other thread publishes the message and then reads the state; the sleeper
//! writes the state and then looks for messages. A sequentially consistent fence between the two steps on both sides
//! guarantees that at least one of them sees what the other did: either the sleeper finds the message, or the thread
//! finds it asleep. With weaker orderings both could look before the other's step is visible.

use std::sync::atomic::Ordering;

use crate::sync::{AtomicU8, const_unless_loom, fence};

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const RUNG: u8 = 2;

/// The state of one sleeper.
#[derive(Debug)]
pub struct Sleep(AtomicU8);

impl Sleep {
    const_unless_loom! {
        /// Makes the state of a thread that is awake.
        #[must_use]
        pub fn new() -> Self {
            Self(AtomicU8::new(AWAKE))
        }
    }

    /// Returns whether the sleeper may be asleep, for a thread that has just published a message.
    #[inline(always)]
    pub fn may_sleep(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_asleep()
    }

    /// Returns whether the calling thread is the one that has to wake the sleeper.
    #[inline]
    pub fn ring(&self) -> bool {
        self.0.compare_exchange(ASLEEP, RUNG, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Records that the calling thread is about to block. It has to look for messages once more before it does.
    #[inline(always)]
    pub fn prepare_to_sleep(&self) {
        self.0.store(ASLEEP, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Records that the calling thread no longer blocks, and will look for messages before it blocks again.
    #[inline(always)]
    pub fn awake(&self) {
        self.0.store(AWAKE, Ordering::Relaxed);
    }

    /// Returns whether the sleeper may be asleep and was not rung.
    #[inline(always)]
    pub fn is_asleep(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ASLEEP
    }
}

impl Default for Sleep {
    fn default() -> Self {
        Self::new()
    }
}
