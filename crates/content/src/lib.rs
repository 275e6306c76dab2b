//! What requests and responses carry: bytes in, values out.
//!
//! The crate does no I/O, reads no clock and knows neither Python nor a connection. Each file is one format, with its
//! specification at the top. What a peer may choose the size of has a limit, which the caller sets.
//!
//! | To read                                     | Ask                          |
//! |---------------------------------------------|------------------------------|
//! | a query string or an urlencoded form        | [`urlencoded`]               |
//! | the fields `Cookie`                         | [`cookies`]                  |

#![forbid(unsafe_code)]

pub mod cookies;
pub mod urlencoded;
