//! A kernel that follows a script: for tests of the poller, without descriptors and waiting.
//!
//! The test scripts the events of each wait and the errors of changes, gives the backend to a [`reactor::Poller`], and
//! then reads the calls of the poller. The backend checks nothing: a wait that is not in the script is an error, every
//! other call succeeds.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reactor::sys::{Backend, Wake, Waker};
use reactor::{Event, Interest, Modified, Timeout, Token, Trigger};

/// A call that the kernel received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// To watch a descriptor.
    Register(RawFd, Token, Interest, Trigger),
    /// To watch it for other events.
    Reregister(RawFd, Token, Interest, Trigger),
    /// To stop watching it.
    Deregister(RawFd, Interest),
    /// To wait.
    Wait(Timeout),
    /// To end a wait.
    Wake,
    /// To start over with an empty set.
    StartOver,
    /// To report the next event without a system call.
    Arm,
}

/// The script and the record of calls. All clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared(Mutex<Lines>);

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
    /// Creates an empty script: every change succeeds, no wait is expected.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns a kernel that follows this script.
    #[must_use]
    pub(crate) fn backend(&self) -> Scripted {
        Scripted { script: self.clone(), events: Vec::new() }
    }

    /// Adds a wait that returns these events. None is a timeout.
    pub(crate) fn wait_brings(&self, events: impl IntoIterator<Item = Event>) {
        self.lines().waits.push_back(Ok(events.into_iter().collect()));
    }

    /// Adds a wait that fails, as with `EINTR`.
    pub(crate) fn wait_fails(&self, errno: i32) {
        self.lines().waits.push_back(Err(errno));
    }

    /// Adds a change that succeeds. Changes after the end of the script succeed.
    pub(crate) fn change_succeeds(&self) {
        self.lines().changes.push_back(Ok(()));
    }

    /// Adds a change (register, reregister, deregister or start over) that fails.
    pub(crate) fn change_fails(&self, errno: i32) {
        self.lines().changes.push_back(Err(errno));
    }

    /// From now on the kernel can be armed, and has no news.
    pub(crate) fn can_arm(&self) {
        self.lines().can_arm = true;
    }

    /// Makes an armed backend report that something has happened.
    pub(crate) fn tell(&self) {
        self.lines().has_news = true;
    }

    /// Returns the calls since the last time, in order, and forgets them.
    #[must_use]
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lines().asked)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines()
    }

    fn change(&self, asked: Asked) -> io::Result<()> {
        let mut lines = self.lines();
        lines.asked.push(asked);
        lines.changes.pop_front().unwrap_or(Ok(())).map_err(io::Error::from_raw_os_error)
    }
}

/// A kernel that follows a [`Script`].
#[derive(Debug)]
pub(crate) struct Scripted {
    script: Script,
    events: Vec<Event>,
}

impl Backend for Scripted {
    /// Creates a kernel with an empty script that nobody can change. [`Script::backend`] creates one with a shared
    /// script.
    fn new() -> io::Result<Self> {
        Ok(Script::new().backend())
    }

    fn name(&self) -> &'static str {
        "scripted"
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

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Shared {
    fn wake(&self) -> io::Result<()> {
        self.lines().asked.push(Asked::Wake);
        Ok(())
    }
}
