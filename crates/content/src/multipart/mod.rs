//! Forms in parts, `multipart/form-data` (RFC 7578, RFC 2046 section 5.1): received bytes in, events out.
//!
//! Content is not copied and not collected, and how the input is split changes no event but the lengths of the pieces of
//! content. Stricter than RFC 2046, because two readers must not see two forms: lines end in CRLF, and a line that begins
//! with the boundary has nothing else on it but white space. A part that is itself multipart is content like any other.
//!
//! | To know                                     | Ask                                  |
//! |---------------------------------------------|--------------------------------------|
//! | what came next                              | [`Parser`], [`Event`]                |
//! | what a part is                              | [`Part`], [`last_component`]         |
//! | how much a form may have                    | [`Limits`]                           |

mod counts;
mod disposition;
mod limits;
mod parser;
mod part;

pub use limits::Limits;
pub use parser::{Event, Parser};
pub use part::Part;

/// Returns the last component of a filename that a client sent, whichever system its path is of. It is empty for `.` and
/// `..`, so that no name leads out of a folder (RFC 7578 section 4.2).
///
/// ```
/// assert_eq!(content::multipart::last_component(r"C:\fakepath\cat.png"), "cat.png");
/// assert_eq!(content::multipart::last_component("../.."), "");
/// ```
#[must_use]
pub fn last_component(filename: &str) -> &str {
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    if last == "." || last == ".." { "" } else { last }
}
