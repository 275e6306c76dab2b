//! Constants for both ends of the bulk rows. The servers in Python (`benchmarks/stream_servers.py`) use them as well.

/// The unit of bulk transfer: a source sends this much for every byte received, a sink acknowledges this much.
pub(crate) const MIB: usize = 1 << 20;

/// The acknowledgement of a sink for every MiB. Only its length matters.
pub(crate) const ACKNOWLEDGEMENT: [u8; 1] = *b"k";

/// How many MiB a client has under way. The kernel keeps a few for each direction of a connection; with more than half
/// of that asked for in advance, a server that has written one MiB finds the next request waiting.
pub(crate) const UNDER_WAY: usize = 8;
