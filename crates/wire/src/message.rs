//! What an application sends and receives, whatever interface it uses.

use ::websocket::Kind;

use crate::action::Actions;

/// Content up to this size is copied after what precedes it, as the queue of a transport would.
pub(crate) const COPY_AT_MOST: usize = 1024;
/// The number of bytes that each message counts in addition to its content.
pub(crate) const MESSAGE_COUNTS: usize = 256;

/// The number of a request within its connection, from 1. It wraps around.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RequestId(pub u32);

impl RequestId {
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1).max(1))
    }
}

/// A part of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<B> {
    /// The head. It is sent with the first content, or when the turn ends.
    Start {
        /// 200 to 999.
        status: u16,
        /// Names and values.
        fields: Vec<(B, B)>,
        /// Whether trailers follow the content.
        has_trailers: bool,
    },
    /// Some content.
    Content {
        /// `None` for none.
        content: Option<B>,
        /// Whether more follows.
        more: bool,
    },
    /// Fields after the content.
    Trailers {
        /// Names and values.
        fields: Vec<(B, B)>,
        /// Whether more follow.
        more: bool,
    },
    /// Links of an early hint, before the head (RFC 8297).
    EarlyHint {
        /// Values of `link` fields.
        links: Vec<B>,
    },
    /// Content that the driver sends from a file, past the machine, once this has been written.
    File {
        /// Its length in bytes.
        count: usize,
        /// Whether more content follows.
        more: bool,
    },
    /// Some of the file, where the driver has to read it: for a stream of HTTP/2.
    FilePart {
        /// It follows what came before.
        content: B,
    },
    /// The file was sent.
    FileEnd {
        /// Whether more content follows.
        more: bool,
    },
    /// The acceptance of a WebSocket (RFC 6455 section 4.2.2).
    Accept {
        /// One of those that the client offers; `None` for none.
        subprotocol: Option<B>,
        /// Names and values.
        fields: Vec<(B, B)>,
    },
    /// A message to the peer of a WebSocket (RFC 6455 section 6.1).
    Data {
        /// Text is UTF-8.
        kind: Kind,
        /// The message as a whole.
        data: B,
    },
    /// The end of a WebSocket (RFC 6455 section 7.1.2). Before its acceptance that is refused with 403.
    Close {
        /// See [`websocket::may_be_sent`].
        code: u16,
        /// At most 123 bytes of it are sent.
        reason: String,
    },
}

impl<B> Message<B> {
    /// Returns whether nothing of the response follows, or need not.
    #[must_use]
    pub const fn may_be_last(&self) -> bool {
        match self {
            Self::Content { more, .. } | Self::Trailers { more, .. } => !*more,
            Self::File { .. }
            | Self::FilePart { .. }
            | Self::FileEnd { .. }
            | Self::Accept { .. }
            | Self::Data { .. } => false,
            Self::Start { .. } | Self::EarlyHint { .. } | Self::Close { .. } => true,
        }
    }
}

/// A whole response, whose content is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response<F, B> {
    /// 200 to 999.
    pub status: u16,
    /// Names and values.
    pub fields: F,
    /// `None` for none.
    pub content: Option<B>,
}

/// What comes of a message. The driver writes the first `split` bytes that were encoded, then `content`, then the rest.
#[derive(Debug)]
pub struct Sent<B> {
    /// What is to be done.
    pub actions: Actions,
    /// Content that is written without a copy.
    pub content: Option<B>,
    /// The number of encoded bytes before it.
    pub split: usize,
    /// Whether the content goes to the peer: not in the response to HEAD, for example.
    pub is_sent: bool,
    /// The status of a response whose content is left out by mistake of the application, the first time.
    pub left_out: Option<u16>,
}

impl<B> Sent<B> {
    pub(crate) const NOTHING: Self =
        Self { actions: Actions::NONE, content: None, split: 0, is_sent: false, left_out: None };
}

/// Why a message can't be sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SendError {
    /// The client has left.
    Disconnected,
    /// The response is complete.
    Complete,
    /// The message is out of order.
    OutOfOrder(OutOfOrder),
    /// What it says can't be sent.
    Invalid(http::LocalProtocolError),
    /// What it says about a WebSocket can't be sent, as this text says.
    Misused(&'static str),
}

impl From<http::LocalProtocolError> for SendError {
    fn from(error: http::LocalProtocolError) -> Self {
        Self::Invalid(error)
    }
}

/// What is expected instead of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutOfOrder {
    /// A response begins once.
    HasBegun,
    /// A response begins with its head.
    HeadIsDue,
    /// Trailers follow the last content of a response that has announced them.
    ContentIsDue,
    /// After its content this response has trailers.
    TrailersAreDue,
    /// A file is being sent.
    FileIsDue,
    /// A WebSocket is accepted or refused first.
    AcceptIsDue,
    /// A WebSocket is accepted once.
    HasAccepted,
    /// The request does not ask for a WebSocket.
    NoWebSocket,
}

/// What a sender waits for before it sends more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wait {
    /// Nothing.
    Nothing,
    /// A turn of the loop: other tasks need one, and the client may have left.
    Turn,
    /// The peer to read.
    Drain,
}

/// What an application receives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Received {
    /// The content that has arrived since, which the interface has.
    Content {
        /// Whether the request goes on.
        more: bool,
    },
    /// There is none yet: the call waits until [`WakeReceive`](crate::Action::WakeReceive).
    Nothing,
    /// A message of the peer of a WebSocket, the oldest that the interface has.
    Message,
    /// The client has left, or the response is over.
    Disconnect {
        /// Whether the response is not complete.
        is_cut: bool,
    },
    /// A WebSocket has ended, see [`close_reason`](crate::Wire::close_reason).
    Closed {
        /// RFC 6455 section 7.4: 1005 for none, 1006 without a close frame.
        code: u16,
    },
}

/// The end of an application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome<'a> {
    /// It has returned.
    Ended,
    /// It has raised an exception.
    Failed,
    /// Another protocol was [offered](crate::Action::Upgrade) the connection and did not take it over.
    NotTakenOver,
    /// It was not called: this is the answer.
    Answer {
        /// 200 to 999.
        status: u16,
        /// Plain text.
        text: &'a str,
        /// Whether the connection ends with it.
        closes: bool,
    },
}

/// What comes of the end of an application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finished {
    /// What was owed to the client.
    pub ending: Ending,
    /// Whether the client had left.
    pub was_disconnected: bool,
    /// What is to be done.
    pub actions: Actions,
}

/// What was owed to a client when its application ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// Nothing.
    Complete,
    /// A response: the client gets one of the server's.
    Unanswered,
    /// The rest of one: the client can see that it is cut short.
    CutShort,
}
