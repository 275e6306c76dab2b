//! What the kernel is asked to watch ([`Interest`], [`Trigger`]) and what it reports ([`Readiness`], [`Modified`]).
//!
//! The backends translate these types into the constants of the kernel. Nothing here uses a descriptor.

/// The directions that are watched. Errors and hang-ups need not be asked for: every backend reports them.
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
    /// No direction. A registration must not have it: hang-ups would still be reported, turn after turn.
    pub const NONE: Interest = Interest(0);
    /// There is something to read, or a read would fail or return the end at once.
    pub const READABLE: Interest = Interest(1);
    /// There is room to write, or a write would fail at once.
    pub const WRITABLE: Interest = Interest(2);
    /// Both directions.
    pub const BOTH: Interest = Interest(3);

    /// Returns the directions of both.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Interest) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns these directions without those of `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Interest) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether all directions of `other` are among these.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether there is no direction.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How often a lasting condition is reported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trigger {
    /// By each wait, for as long as it lasts. `add_reader` promises that.
    Level,
    /// Once, until it has gone and come back. The caller reads or writes until the kernel returns `EAGAIN`.
    Edge,
}

/// What happened to a descriptor.
///
/// [`readable`](Self::readable) and [`writable`](Self::writable) answer as asyncio's selectors do: a descriptor that
/// failed or hung up is both, since a read and a write would return at once. A caller that watches one direction still
/// has to check that direction. The other methods return what the kernel reported.
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
    /// Bytes, a connection or the end of the stream can be read.
    pub const READABLE: Readiness = Readiness(1);
    /// There is room to write.
    pub const WRITABLE: Readiness = Readiness(2);
    /// An error is pending: `SO_ERROR` of a socket; for the write end of a pipe, its reader has left.
    pub const ERROR: Readiness = Readiness(4);
    /// The peer sends nothing more (`EPOLLRDHUP`; `EV_EOF` of kqueue's read filter). There may still be bytes to read.
    pub const READ_CLOSED: Readiness = Readiness(8);
    /// The peer reads nothing more (`EV_EOF` of kqueue's write filter). epoll has no bit for this alone.
    pub const WRITE_CLOSED: Readiness = Readiness(16);
    /// Both directions are closed (`EPOLLHUP`).
    pub const HANGUP: Readiness = Readiness(8 | 16);

    /// The conditions under which a read returns at once; a hang-up includes `READ_CLOSED`.
    const ENDS_A_READ: u8 = Self::READABLE.0 | Self::ERROR.0 | Self::READ_CLOSED.0;
    /// The conditions under which a write returns at once.
    const ENDS_A_WRITE: u8 = Self::WRITABLE.0 | Self::ERROR.0 | Self::WRITE_CLOSED.0;

    /// Returns the conditions of both.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Readiness) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether a read would return at once, possibly with an error.
    #[inline]
    #[must_use]
    pub const fn readable(self) -> bool {
        self.0 & Self::ENDS_A_READ != 0
    }

    /// Returns whether a write would return at once, possibly with an error.
    #[inline]
    #[must_use]
    pub const fn writable(self) -> bool {
        self.0 & Self::ENDS_A_WRITE != 0
    }

    /// Returns whether the kernel reported an error.
    #[inline]
    #[must_use]
    pub const fn error(self) -> bool {
        self.0 & Self::ERROR.0 != 0
    }

    /// Returns whether both directions are closed. kqueue reports that in two events, one for each watched direction.
    #[inline]
    #[must_use]
    pub const fn hangup(self) -> bool {
        self.0 & Self::HANGUP.0 == Self::HANGUP.0
    }

    /// Returns whether the peer sends nothing more.
    #[inline]
    #[must_use]
    pub const fn read_closed(self) -> bool {
        self.0 & Self::READ_CLOSED.0 != 0
    }

    /// Returns whether the peer reads nothing more.
    #[inline]
    #[must_use]
    pub const fn write_closed(self) -> bool {
        self.0 & Self::WRITE_CLOSED.0 != 0
    }

    /// Returns the directions of `interest` whose callbacks a loop should call.
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

/// The result of a change of interest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Modified {
    /// The registration was changed, as far as the kernel tells.
    Kept,
    /// There was none: the number had been closed and opened again, so its watcher until now watched another file.
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
