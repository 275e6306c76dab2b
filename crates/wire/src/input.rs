//! What a driver tells a machine.

/// Something that has happened to a connection. What an application does are methods of [`Wire`](crate::Wire), because
/// they have results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// The connection is made. Over some transports (TLS) a peer that ends its side has ended both.
    Connected {
        /// Whether the connection is over when the peer ends its side.
        ends_with_peer: bool,
    },
    /// Some bytes have arrived.
    Bytes(&'a [u8]),
    /// The peer has ended its side.
    Eof,
    /// The transport asks for no more output (`pause_writing`); [`Unsent`](Self::Unsent) follows.
    Full,
    /// The transport accepts output again (`resume_writing`).
    Writable,
    /// The application has taken its first step with the request of the last [`Start`](crate::Action::Start).
    Started,
    /// The turn that [`YieldTurn`](crate::Action::YieldTurn) left to others is over.
    Resume,
    /// Streams of this connection of HTTP/2 have sent something, or have got their input.
    Flush,
    /// Something has happened to this stream of HTTP/2.
    News,
    /// A time limit is over, see [`is_late`](crate::Wire::is_late); with the number of bytes that wait for the peer.
    Tick(usize),
    /// The number of bytes that wait for the peer, when the transport is full or is told to close.
    Unsent(usize),
    /// The peer has read some of a file that is sent past the machine.
    Progress,
    /// What came of [`ShutdownWrite`](crate::Action::ShutdownWrite).
    WriteShutdown(HalfClose),
    /// The transport is known to be lost, or closes, though it has not said so yet.
    Broken,
    /// The connection is gone.
    Lost {
        /// Whether an error has caused that. Otherwise this side, or the end of the peer's, has.
        by_error: bool,
    },
    /// Another protocol has the transport now.
    TakenOver,
    /// The server ends.
    Shutdown(Shutdown),
}

/// What came of ending our side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HalfClose {
    /// The peer sees the end after what was written.
    Done,
    /// The transport can't do that: TLS.
    Unsupported,
    /// The peer has left already.
    Lost,
}

/// How a server ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shutdown {
    /// Soon: responses from here on say so and end their connection. One that is idle stays open, for a client that is
    /// about to use it. A WebSocket ends as by [`Graceful`](Self::Graceful).
    Announced,
    /// After the response in progress, or now if there is none.
    Graceful,
    /// Now.
    Immediate,
}
