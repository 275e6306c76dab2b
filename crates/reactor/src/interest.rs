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
    /// As `Level`, for a file that the sets of several processes watch: an event need not wake more than one of those
    /// that sleep, the one that has watched the longest. Each change of the registration makes it the latest.
    Exclusive,
}

/// What happened to a descriptor, in asyncio's terms: a descriptor that failed or hung up is readable and writable,
/// since a read and a write would return at once.
///
/// ```
/// use reactor::Readiness;
/// assert!(Readiness::BOTH.readable() && Readiness::BOTH.writable());
/// assert!(!Readiness::READABLE.writable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Readiness(u8);

impl Readiness {
    /// Nothing happened.
    pub const NONE: Readiness = Readiness(0);
    /// Bytes, a connection, an error or the end of the stream can be read.
    pub const READABLE: Readiness = Readiness(Interest::READABLE.0);
    /// There is room to write, or a write would fail at once.
    pub const WRITABLE: Readiness = Readiness(Interest::WRITABLE.0);
    /// Both; an error or a hang-up as well.
    pub const BOTH: Readiness = Readiness(Interest::BOTH.0);

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
        self.0 & Self::READABLE.0 != 0
    }

    /// Returns whether a write would return at once, possibly with an error.
    #[inline]
    #[must_use]
    pub const fn writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }

    /// Returns the directions of `interest` whose callbacks a loop should call.
    #[inline]
    #[must_use]
    pub const fn answers(self, interest: Interest) -> Interest {
        Interest(self.0 & interest.0)
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
    fn only_what_was_asked_for_is_answered() {
        assert_eq!(Readiness::BOTH.answers(Interest::READABLE), Interest::READABLE);
        assert_eq!(Readiness::WRITABLE.answers(Interest::READABLE), Interest::NONE);
    }
}
