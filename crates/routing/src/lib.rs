//! A table of routes: a method and a path in, an entry and its parameters out.
//!
//! Patterns such as `/users/{id:int}` are compiled once, into a radix tree by `matchit`. The tree answers for the plain
//! case, one path with one pattern; this crate adds what a tree alone does not know: converters that refuse a value,
//! methods, and patterns of which several fit one path. The order is always the same: segment by segment, fixed text is
//! before a parameter, and a parameter before the rest of a path; patterns that differ only in their converters are
//! tried in the order of their entries. The crate has no Python, and a converter of a program is a function that the
//! caller passes.
//!
//! | To know                                          | Ask                |
//! |--------------------------------------------------|--------------------|
//! | which entry answers a request                    | [`Table::find`]    |
//! | which methods a path has, for a 405              | [`Table::allowed`] |
//! | the text of a path that is compared              | [`Path`]           |
//! | where the parameters are in that text            | [`Captures`]       |
//! | whether a pattern is well formed, and its parts  | [`Pattern`]        |
//!
//! ```
//! use routing::{Methods, Path, Table};
//!
//! let mut table = Table::builder(&[]);
//! let user = table.add("/users/{id:int}", Methods::of(["GET"]))?;
//! table.add("/users/{name}", Methods::of(["GET", "DELETE"]))?;
//! let table = table.build();
//! let path = Path::new(b"/users/17")?;
//! let found = table.find(b"GET", path.text(), |_, _| Ok::<_, ()>(true)).unwrap().unwrap();
//! assert_eq!(found.entry, user);
//! assert_eq!(path.value(found.captures.get(0).unwrap()), "17");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod captures;
mod converter;
mod methods;
mod path;
mod pattern;
mod table;

pub use captures::{Captures, PARAMETERS_AT_MOST, Range};
pub use converter::Converter;
pub use methods::Methods;
pub use path::{BadPath, Path};
pub use pattern::{BadPattern, Parameter, Pattern};
pub use table::{Builder, Found, Table};
