//! Content of an application as h2 takes it: bytes that are sent from where they lie.

use std::sync::Arc;

use bytes::Buf;

/// The part of some content that was not sent yet.
#[derive(Debug)]
pub(super) enum Piece<B> {
    /// Bytes of the application.
    Own { content: B, sent: usize },
    /// A part of such bytes.
    Part { content: Arc<Source<B>>, sent: usize, end: usize },
    /// Text of the server's own.
    Text(&'static [u8]),
    /// Bytes that were encoded.
    Encoded { bytes: Vec<u8>, sent: usize },
}

/// Whose bytes are sent.
#[derive(Debug)]
pub(super) enum Source<B> {
    /// The application's.
    Own(B),
    /// The server's.
    Made(Vec<u8>),
}

impl<B: AsRef<[u8]>> Source<B> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(content) => content.as_ref(),
            Self::Made(bytes) => bytes,
        }
    }
}

impl<B> Piece<B> {
    pub(super) const fn own(content: B) -> Self {
        Self::Own { content, sent: 0 }
    }

    pub(super) const fn part(content: Arc<Source<B>>, start: usize, end: usize) -> Self {
        Self::Part { content, sent: start, end }
    }

    pub(super) const fn encoded(bytes: Vec<u8>) -> Self {
        Self::Encoded { bytes, sent: 0 }
    }
}

impl<B: AsRef<[u8]>> Buf for Piece<B> {
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Own { content, sent } => content.as_ref().get(*sent..).unwrap_or_default(),
            Self::Part { content, sent, end } => content.bytes().get(*sent..*end).unwrap_or_default(),
            Self::Text(text) => text,
            Self::Encoded { bytes, sent } => bytes.get(*sent..).unwrap_or_default(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Own { sent, .. } | Self::Part { sent, .. } | Self::Encoded { sent, .. } => *sent += count,
            Self::Text(text) => *text = text.get(count..).unwrap_or_default(),
        }
    }
}
