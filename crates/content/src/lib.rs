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
//! | a media type with its parameters            | [`media_type`]               |
//! | a form in parts, with files                 | [`multipart`]                |
//! | what is wrong with content, and where       | [`ContentError`]             |

#![forbid(unsafe_code)]

pub mod conditions;
pub mod cookies;
mod error;
mod field_reader;
pub mod file_answer;
pub mod http_date;
pub mod media_type;
pub mod multipart;
pub mod ranges;
pub mod urlencoded;
pub mod xml;

pub use error::ContentError;
