//! What requests and responses carry: bytes in, values out.
//!
//! The crate does no I/O, reads no clock and knows neither Python nor a connection. Each file is one format, with its
//! specification at the top. What a peer may choose the size of has a limit, which the caller sets.
//!
//! | To read                                     | Ask                          |
//! |---------------------------------------------|------------------------------|
//! | a query string or an urlencoded form        | [`urlencoded`]               |
//! | the fields `Cookie`                         | [`cookies`]                  |
//! | dates, conditions and ranges of a request   | [`http_date`], [`conditions`], [`ranges`] |
//! | what of a file answers a request            | [`file_answer`]              |
//! | an XML document, or to write one            | [`xml`]                      |

#![forbid(unsafe_code)]

pub mod conditions;
pub mod cookies;
pub mod file_answer;
pub mod http_date;
pub mod ranges;
pub mod urlencoded;
pub mod xml;
