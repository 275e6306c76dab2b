//! What is asked of a descriptor ([`Interest`], [`Trigger`]) and what the kernel answers ([`Readiness`],
//! [`Modified`]).
//!
//! These are the words that the backends translate into their own. Nothing here touches a descriptor.

/// The directions somebody waits for. Errors and hang-ups need not be asked for: every backend reports them.
///
/// ```
/// use reactor::Interest;
/// let both = Interest::READABLE.with(Interest::WRITABLE);
/// assert_eq!(both, Interest::BOTH);
/// assert_eq!(both.without(Interest::READABLE), Interest::WRITABLE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Interest(u8);

impl Interest {
    /// Nothing. A registration must not have it: it would still be woken by hang-ups, with nobody to tell.
    pub const NONE: Interest = Interest(0);
    /// There is something to read, or reading would fail or end at once.
    pub const READABLE: Interest = Interest(1);
    /// There is room to write, or writing would fail at once.
    pub const WRITABLE: Interest = Interest(2);
    /// Either of the two.
    pub const BOTH: Interest = Interest(3);

    /// These directions and the other's.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Interest) -> Self {
        Self(self.0 | other.0)
    }

    /// These directions but for the other's.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Interest) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of the other's directions are among these.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is asked for.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How often a condition that lasts is reported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trigger {
    /// By each wait, for as long as it lasts. What `add_reader` promises.
    Level,
    /// Once, until it has gone and come back. Who asks for it reads or writes until the kernel says `EAGAIN`.
    Edge,
}

/// What happened to a descriptor.
///
/// The questions [`readable`](Self::readable) and [`writable`](Self::writable) answer as `asyncio`'s selectors do: a
/// descriptor that failed or hung up is both, since a read and a write would return at once. A caller that asked for
/// one direction only still has to look whether it was that one. The other questions give the kernel's bare word.
///
/// ```
/// use reactor::Readiness;
/// assert!(Readiness::HANGUP.readable() && Readiness::HANGUP.writable());
/// assert!(!Readiness::READABLE.writable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Readiness(u8);

impl Readiness {
    /// Nothing happened.
    pub const NONE: Readiness = Readiness(0);
    /// Bytes, a connection or the end of the stream wait to be read.
    pub const READABLE: Readiness = Readiness(1);
    /// There is room to write.
    pub const WRITABLE: Readiness = Readiness(2);
    /// An error is pending: for a socket, `SO_ERROR` holds it; for a pipe's write end, its reader has left.
    pub const ERROR: Readiness = Readiness(4);
    /// The peer will send nothing more (`EPOLLRDHUP`; `EV_EOF` of kqueue's read filter). Bytes may still wait.
    pub const READ_CLOSED: Readiness = Readiness(8);
    /// The peer will take nothing more (`EV_EOF` of kqueue's write filter). epoll has no bit for this alone.
    pub const WRITE_CLOSED: Readiness = Readiness(16);
    /// Both directions are closed (`EPOLLHUP`).
    pub const HANGUP: Readiness = Readiness(8 | 16);

    /// What makes a read return at once: a hang-up is among them by its `READ_CLOSED` half.
    const ENDS_A_READ: u8 = Self::READABLE.0 | Self::ERROR.0 | Self::READ_CLOSED.0;
    /// What makes a write return at once.
    const ENDS_A_WRITE: u8 = Self::WRITABLE.0 | Self::ERROR.0 | Self::WRITE_CLOSED.0;

    /// What either of the two says.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Readiness) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a read would return at once, be it with an error.
    #[inline]
    #[must_use]
    pub const fn readable(self) -> bool {
        self.0 & Self::ENDS_A_READ != 0
    }

    /// Whether a write would return at once, be it with an error.
    #[inline]
    #[must_use]
    pub const fn writable(self) -> bool {
        self.0 & Self::ENDS_A_WRITE != 0
    }

    /// Whether the kernel reported an error.
    #[inline]
    #[must_use]
    pub const fn error(self) -> bool {
        self.0 & Self::ERROR.0 != 0
    }

    /// Whether both directions are closed. kqueue tells them in two events, one for each direction that is watched.
    #[inline]
    #[must_use]
    pub const fn hangup(self) -> bool {
        self.0 & Self::HANGUP.0 == Self::HANGUP.0
    }

    /// Whether the peer will send nothing more.
    #[inline]
    #[must_use]
    pub const fn read_closed(self) -> bool {
        self.0 & Self::READ_CLOSED.0 != 0
    }

    /// Whether the peer will take nothing more.
    #[inline]
    #[must_use]
    pub const fn write_closed(self) -> bool {
        self.0 & Self::WRITE_CLOSED.0 != 0
    }

    /// The directions of `interest` that this answers: what a loop that keeps one callback for each should call.
    #[inline]
    #[must_use]
    pub const fn answers(self, interest: Interest) -> Interest {
        let mut answered = Interest::NONE;
        if self.readable() {
            answered = answered.with(Interest::READABLE);
        }
        if self.writable() {
            answered = answered.with(Interest::WRITABLE);
        }
        Interest(answered.0 & interest.0)
    }
}

/// What a change of interest met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Modified {
    /// The registration that was changed, as far as the kernel tells.
    Kept,
    /// None: the number had been closed and opened again, so whatever watched it until now watched another file.
    Renewed,
}

#[cfg(test)]
mod tests {
    use super::{Interest, Readiness};

    #[test]
    fn directions_add_up_and_come_off() {
        assert_eq!(Interest::READABLE.with(Interest::WRITABLE), Interest::BOTH);
        assert_eq!(Interest::BOTH.without(Interest::BOTH), Interest::NONE);
        assert!(Interest::BOTH.contains(Interest::READABLE));
        assert!(!Interest::READABLE.contains(Interest::BOTH));
        assert!(Interest::NONE.is_empty());
    }

    #[test]
    fn an_error_is_both_readable_and_writable() {
        assert!(Readiness::ERROR.readable() && Readiness::ERROR.writable());
        assert!(!Readiness::ERROR.hangup());
    }

    #[test]
    fn half_a_hangup_is_one_direction() {
        assert!(Readiness::READ_CLOSED.readable() && !Readiness::READ_CLOSED.writable());
        assert!(!Readiness::READ_CLOSED.hangup());
        assert!(Readiness::READ_CLOSED.with(Readiness::WRITE_CLOSED).hangup());
    }

    #[test]
    fn only_what_was_asked_for_is_answered() {
        assert_eq!(Readiness::HANGUP.answers(Interest::READABLE), Interest::READABLE);
        assert_eq!(Readiness::WRITABLE.answers(Interest::READABLE), Interest::NONE);
    }
}
