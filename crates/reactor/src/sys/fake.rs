//! A kernel that follows a script: for tests of what is built on the poller, with no descriptor and no waiting.
//!
//! The test writes down what each wait brings and which changes fail, hands the backend to a [`crate::Poller`], and
//! reads afterwards what was asked. It does not judge: a wait that is not in the script is an error, everything else
//! is taken as it comes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Backend, Wake, Waker};
use crate::{Event, Interest, Modified, Timeout, Token, Trigger};

/// Something that the kernel was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// To watch a descriptor.
    Register(RawFd, Token, Interest, Trigger),
    /// To watch it for something else.
    Reregister(RawFd, Token, Interest, Trigger),
    /// To cease to watch it.
    Deregister(RawFd, Interest),
    /// To wait.
    Wait(Timeout),
    /// To end a wait.
    Wake,
    /// To start over with an empty set.
    StartOver,
    /// To tell of the next event by itself.
    Arm,
}

/// What will happen and what has been asked for. All clones are the same script.
///
/// ```
/// use reactor::{Event, Poller, Readiness, Timeout, Token, sys::fake::{Asked, Script}};
/// let script = Script::new();
/// let event = Event { token: Token::new(0, 0), readiness: Readiness::READABLE };
/// script.wait_brings([event]);
///
/// let mut poller = Poller::with_backend(script.backend());
/// assert_eq!(poller.wait(Timeout::Never)?, 1);
/// assert_eq!(poller.event(0), event);
/// assert_eq!(script.asked(), [Asked::Wait(Timeout::Never)]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    waits: VecDeque<Result<Vec<Event>, Errno>>,
    changes: VecDeque<Result<(), Errno>>,
    can_arm: bool,
    has_news: bool,
    asked: Vec<Asked>,
}

/// An error number of the system, as `libc` names them.
type Errno = i32;

impl Script {
    /// An empty script: every change succeeds, no wait is expected.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The kernel that follows this script.
    #[must_use]
    pub fn backend(&self) -> Scripted {
        Scripted { script: self.clone(), events: Vec::new() }
    }

    /// One more wait brings these events. None at all is a timeout.
    pub fn wait_brings(&self, events: impl IntoIterator<Item = Event>) {
        self.lines().waits.push_back(Ok(events.into_iter().collect()));
    }

    /// One more wait fails, as by `EINTR`.
    pub fn wait_fails(&self, errno: i32) {
        self.lines().waits.push_back(Err(errno));
    }

    /// One more of the next changes succeeds. Past the end of what was scripted they all do.
    pub fn change_succeeds(&self) {
        self.lines().changes.push_back(Ok(()));
    }

    /// One more of the next changes (to register, reregister, deregister or start over) fails.
    pub fn change_fails(&self, errno: i32) {
        self.lines().changes.push_back(Err(errno));
    }

    /// From now on the kernel can be armed, and has no news.
    pub fn can_arm(&self) {
        self.lines().can_arm = true;
    }

    /// The kernel tells an armed backend that something has happened.
    pub fn tell(&self) {
        self.lines().has_news = true;
    }

    /// Takes out what was asked for since the last time, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lines().asked)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, asked: Asked) -> io::Result<()> {
        let mut lines = self.lines();
        lines.asked.push(asked);
        lines.changes.pop_front().unwrap_or(Ok(())).map_err(io::Error::from_raw_os_error)
    }
}

/// The kernel that follows a [`Script`].
#[derive(Debug)]
pub struct Scripted {
    script: Script,
    events: Vec<Event>,
}

impl Backend for Scripted {
    /// A kernel with an empty script of its own. [`Script::backend`] makes one whose script can be written.
    fn new() -> io::Result<Self> {
        Ok(Script::new().backend())
    }

    fn name(&self) -> &'static str {
        "scripted"
    }

    fn raw_fd(&self) -> RawFd {
        -1
    }

    fn waker(&self) -> Waker {
        Waker::new(Arc::clone(&self.script.0))
    }

    fn register(&mut self, fd: RawFd, token: Token, interest: Interest, trigger: Trigger) -> io::Result<()> {
        self.script.change(Asked::Register(fd, token, interest, trigger))
    }

    fn reregister(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Modified> {
        self.script.change(Asked::Reregister(fd, token, interest, trigger)).map(|()| Modified::Kept)
    }

    fn deregister(&mut self, fd: RawFd, interest: Interest) -> io::Result<()> {
        self.script.change(Asked::Deregister(fd, interest))
    }

    fn wait(&mut self, timeout: Timeout) -> io::Result<usize> {
        self.events.clear();
        let mut lines = self.script.lines();
        lines.asked.push(Asked::Wait(timeout));
        let scripted =
            lines.waits.pop_front().ok_or_else(|| io::Error::other("the script has no further wait"))?;
        self.events = scripted.map_err(io::Error::from_raw_os_error)?;
        Ok(self.events.len())
    }

    fn event(&self, index: usize) -> Event {
        self.events[index]
    }

    fn arm(&mut self) -> bool {
        let mut lines = self.script.lines();
        lines.asked.push(Asked::Arm);
        lines.has_news = false;
        lines.can_arm
    }

    fn has_news(&mut self) -> bool {
        let lines = self.script.lines();
        !lines.can_arm || lines.has_news
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.script.change(Asked::StartOver)
    }
}

impl Wake for Mutex<Lines> {
    fn wake(&self) -> io::Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).asked.push(Asked::Wake);
        Ok(())
    }
}
