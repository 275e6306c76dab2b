//! The table of recordings in README.md, for the tests of every crate that reads what peers send.

use std::fs;
use std::path::PathBuf;

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
