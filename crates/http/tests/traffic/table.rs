//! The table of recordings in README.md, for the tests of every crate that reads what peers send.

use std::fs;
use std::path::PathBuf;

/// The limits of `vitok serve`: its options and `vitok.http.options`.
pub(crate) const LIMITS: http::Limits = http::Limits {
    request_line_bytes: 8 * 1024,
    head_bytes: 64 * 1024,
    fields: 100,
    method_bytes: 32,
    body_bytes: 1024 * 1024 * 1024,
    chunk_extension_bytes: 256,
    chunk_extensions_bytes: 16 * 1024,
    trailer_bytes: 16 * 1024,
    backlog_bytes: 256 * 1024,
    drain_bytes: 64 * 1024,
};

/// A row of the table, with the bytes that it is about.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// What they are read as, in the notation of the table.
    pub(crate) reads: String,
}

/// Returns every recording.
pub(crate) fn recordings() -> Vec<Recording> {
    let table = fs::read_to_string(folder().join("README.md")).expect("the table of recordings");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix("` |"));
    rows.map(|row| {
        let (name, rest) = row.split_once(" | ").expect("a name");
        let (_, reads) = rest.rsplit_once(" | `").expect("what it is read as");
        let bytes = fs::read(folder().join(name)).expect("a recording");
        Recording { name: name.into(), bytes, reads: reads.into() }
    })
    .collect()
}

/// Returns the folder with the recordings, from any crate of the project.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../http/tests/traffic")
}
