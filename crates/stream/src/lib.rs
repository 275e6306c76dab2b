//! The state of a byte stream and of a queue of datagrams, without the socket.
//!
//! States, queues and sizes are decided here: events come in (this many bytes were read, these were written), decisions
//! go out (read this much next, tell the protocol to pause). The crate has no descriptor, no clock and no Python, so
//! each decision is tested by itself and none can block. The extension module carries them out.
//!
//! | To know                                            | Ask             |
//! |----------------------------------------------------|-----------------|
//! | what a call or an event means for the connection   | [`State`]       |
//! | the same for one end of a pipe                     | [`PipeEnd`]     |
//! | what is still to be sent                           | [`WriteQueue`]  |
//! | whether the writer has to pause or may resume      | [`Flow`]        |
//! | the life of a TLS connection, and its flow control | [`Tls`]         |
//! | which records of TLS have arrived                  | [`Records`] |
//! | how much to read next                              | [`ReadSize`]    |
//! | which datagrams are queued, and their size         | [`DatagramQueue`] |
//! | what was made for the address of a recent sender   | [`AddressCache`] |
//! | whether to ask for several datagrams at once       | [`BatchHeuristic`] |

#![forbid(unsafe_code)]

mod address_cache;
mod batch_heuristic;
mod datagram;
mod flow;
mod pipe;
mod read_size;
mod records;
mod state;
mod tls;
mod write_queue;

pub use address_cache::AddressCache;
pub use batch_heuristic::BatchHeuristic;
pub use datagram::DatagramQueue;
pub use flow::{BadLimits, Flow};
pub use pipe::PipeEnd;
pub use read_size::ReadSize;
pub use records::{DATA_AT_MOST, Records, WholeRecords};
pub use state::{Admission, Closing, Drained, Interest, State, WriteEnd};
pub use tls::{Change, Level, Phase, Tls, Told, Written};
pub use write_queue::WriteQueue;
