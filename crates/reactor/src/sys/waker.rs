//! Ends a wait from another thread. [`crate::Wakeup`] decides whether that is necessary.

use std::fmt;
use std::io;
use std::sync::Arc;

/// The means of a backend to wake itself. It has to be cheap to share and work from every thread.
pub trait Wake: fmt::Debug + Send + Sync {
    /// Makes the current wait return, or the next one if there is none now.
    ///
    /// # Errors
    ///
    /// The kernel's.
    fn wake(&self) -> io::Result<()>;
}

/// Wakes one poller from any thread. Two wakers are equal if they wake it in the same way.
///
/// ```
/// use reactor::{Poller, Timeout, Token};
/// let mut poller = Poller::new()?;
/// poller.waker().wake()?;
/// assert_eq!(poller.wait(Timeout::Never)?, 1);
/// assert_eq!(poller.event(0).token, Token::WAKER);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Waker(Arc<dyn Wake>);

impl Waker {
    /// Creates the waker of a backend.
    pub fn new(wake: Arc<impl Wake + 'static>) -> Self {
        Self(wake)
    }

    /// Makes the poller's current wait return, or its next one if it is not waiting now.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl PartialEq for Waker {
    fn eq(&self, other: &Self) -> bool {
        // Only addresses are compared: one type may have several method tables.
        std::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl Eq for Waker {}
