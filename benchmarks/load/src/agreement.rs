//! What both ends of the bulk rows agree on. The servers in Python (`benchmarks/stream_servers.py`) hold it
//! as well.

/// The unit of bulk transfer: a source sends this much for every byte it is asked with, a sink acknowledges
/// this much.
pub(crate) const MIB: usize = 1 << 20;

/// What a sink says for every MiB that it has taken. Only its length counts.
pub(crate) const ACKNOWLEDGEMENT: [u8; 1] = *b"k";

/// How many MiB a client has under way. The kernel keeps a few for each direction of a connection; with more
/// than half of that asked for ahead, a server that has written one MiB finds the next request waiting.
pub(crate) const UNDER_WAY: usize = 8;
