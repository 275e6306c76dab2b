//! Lines of an access log: formats, escapes and JSON, on records that are made by hand or by a connection.

#[path = "../support/mod.rs"]
mod support;

mod formats;
mod hostile;
mod json;
mod lines;
