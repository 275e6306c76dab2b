//! Which content a response may have: as much as its head says, and none with some statuses and in answer to HEAD.
//!
//! It is the part of `http::Connection` that HTTP/2 needs too. How content is written is not known here.

use http::{Frame, LocalProtocolError};

/// The content that a response may have after its head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// This many bytes more.
    Length(u64),
    /// Any number, until the stream ends.
    Open,
    /// The content is not sent: the response to HEAD.
    Dropped,
    /// There is none, and the application should not make any.
    Forbidden,
}

impl Content {
    /// Returns the content of a response with this status, of which the head says this length.
    #[inline]
    pub(super) const fn of(status: u16, length: Option<u64>, is_head: bool) -> Self {
        match (status, length) {
            _ if is_head => Self::Dropped,
            (204 | 205 | 304, _) => Self::Forbidden,
            (_, Some(length)) => Self::Length(length),
            (_, None) => Self::Open,
        }
    }

    /// Counts content, and returns whether it is sent.
    ///
    /// # Errors
    ///
    /// It is longer than announced.
    #[inline]
    pub(super) fn frame(&mut self, length: usize) -> Result<Frame, LocalProtocolError> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(length as u64).ok_or(LocalProtocolError::BodyTooLong)?;
                Ok(Frame::Plain)
            }
            Self::Dropped => Ok(Frame::Dropped),
            Self::Forbidden if length > 0 => Ok(Frame::NotAllowed),
            Self::Forbidden | Self::Open => Ok(Frame::Plain),
        }
    }

    /// Checks that the response can end.
    ///
    /// # Errors
    ///
    /// There was less content than announced.
    #[inline]
    pub(super) const fn finish(self) -> Result<(), LocalProtocolError> {
        match self {
            Self::Length(1..) => Err(LocalProtocolError::BodyTooShort),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{Frame, LocalProtocolError};

    use super::Content;

    #[test]
    fn a_length_is_kept_to() {
        let mut content = Content::of(200, Some(5), false);
        assert_eq!(content.frame(3), Ok(Frame::Plain));
        assert_eq!(content.finish(), Err(LocalProtocolError::BodyTooShort));
        assert_eq!(content.frame(3), Err(LocalProtocolError::BodyTooLong));
        assert_eq!((content.frame(2), content.finish()), (Ok(Frame::Plain), Ok(())));
    }

    #[test]
    fn without_a_length_the_stream_is_open() {
        let mut content = Content::of(200, None, false);
        assert_eq!((content.frame(9), content.finish()), (Ok(Frame::Plain), Ok(())));
    }

    #[test]
    fn some_statuses_have_no_content() {
        for status in [204, 205, 304] {
            let mut content = Content::of(status, Some(5), false);
            assert_eq!((content.frame(0), content.frame(1)), (Ok(Frame::Plain), Ok(Frame::NotAllowed)));
            assert_eq!(content.finish(), Ok(()));
        }
    }

    #[test]
    fn the_content_for_head_is_dropped_whatever_its_length() {
        for status in [200, 204, 304] {
            let mut content = Content::of(status, Some(5), true);
            assert_eq!((content.frame(9), content.finish()), (Ok(Frame::Dropped), Ok(())));
        }
    }
}
