//! The life of a byte stream, as far as it can be told without the stream.
//!
//! States, queues and sizes are decided here: facts come in (so many bytes were read, this was written), decisions go
//! out (read that much next). The crate has no descriptor, no clock and no Python, so each decision is tested by itself
//! and none can block. Who acts on them is the extension module.

#![forbid(unsafe_code)]

mod read_size;

pub use read_size::ReadSize;
