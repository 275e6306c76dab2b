//! httptools' interface on our parser: `vitok.httptools`.
//!
//! | File        | Contents                                                               |
//! |-------------|------------------------------------------------------------------------|
//! | `parser`    | the classes HttpRequestParser and HttpResponseParser                   |
//! | `feed`      | from the bytes of one call to the calls of the protocol                |
//! | `state`     | what both have in common, and their limits                              |
//! | `names`     | the names of fields, the latest of which are kept                       |
//! | `callbacks` | the methods of a protocol, looked up once                              |
//! | `errors`    | the exceptions, which are classes of `vitok.httptools`                 |
//! | `url`       | the function parse_url and the class URL                               |
//!
//! It knows no loop, and the server does not use it.

mod callbacks;
mod errors;
mod feed;
mod names;
mod parser;
mod state;
mod url;

use pyo3::prelude::*;

/// Adds the classes and functions to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    parser::add(module)?;
    url::add(module)?;
    module.add_function(wrap_pyfunction!(errors::know_httptools_errors, module)?)
}
