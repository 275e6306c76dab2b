//! What a response from a file says: its status and fields, and the pieces of its content.
//!
//! The rules are `content`'s; here they meet the options of the file and the fields that the application has set, which
//! count more.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use content::conditions::{Conditions, Validators};
use content::file_answer::{FileAnswer, FileFacts, Piece};

/// What the application says of a file.
pub(super) struct Options {
    pub(super) content_type: Box<[u8]>,
    pub(super) disposition: Option<Box<[u8]>>,
    pub(super) cache_control: Option<Box<[u8]>>,
    pub(super) has_etag: bool,
    pub(super) has_last_modified: bool,
}

/// What the kernel says of a file.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub(super) size: u64,
    /// The time of the last change, in seconds since 1970 and nanoseconds.
    pub(super) modified: (i64, i64),
}

/// A field of the response, with a name in lower case.
pub(super) type Field = (&'static [u8], Box<[u8]>);

/// The response, but for its content and the fields of the application.
pub(super) struct Described {
    pub(super) status: u16,
    pub(super) fields: Vec<Field>,
    pub(super) pieces: Vec<Piece>,
}

impl Described {
    /// Describes the response to a request with this method and these fields. `known` returns the value of a field that
    /// the application has set.
    pub(super) fn new<'a>(
        options: &Options,
        facts: Facts,
        status: u16,
        method: &[u8],
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        known: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Self {
        let own_etag = known(b"etag");
        let etag = own_etag.clone().or_else(|| {
            options.has_etag.then(|| etag(facts, known(b"content-encoding").as_deref().unwrap_or_default()))
        });
        let modified = options.has_last_modified.then_some(facts.modified.0);
        let content_type = known(b"content-type").unwrap_or_else(|| options.content_type.to_vec());
        // Conditions and ranges are for responses of success (RFC 9110 section 13.2.1).
        let conditions = if status == 200 { Conditions::of(fields) } else { Conditions::default() };
        let boundary = if conditions.may_have_parts() { boundary() } else { String::new() };
        let answer = FileAnswer::new(
            method,
            &conditions,
            FileFacts {
                size: facts.size,
                validators: Validators { etag: etag.as_deref(), last_modified: modified, now: now() },
                content_type: &content_type,
                boundary: &boundary,
            },
        );
        let status = if answer.status == 200 { status } else { answer.status };
        let mut described = Self { status, fields: Vec::with_capacity(6), pieces: answer.pieces };
        let has_content = matches!(answer.status, 200 | 206);
        if let Some(kind) = answer.content_type {
            described.fields.push((b"content-type", kind.into_bytes().into()));
        } else if has_content {
            described.add(&known, b"content-type", Some(&options.content_type));
        }
        if has_content {
            described.add(&known, b"content-disposition", options.disposition.as_deref());
        }
        described.add(&known, b"cache-control", options.cache_control.as_deref());
        described.add(&known, b"etag", etag.as_deref());
        let modified = modified.and_then(|seconds| u64::try_from(seconds).ok()).map(http::date);
        described.add(&known, b"last-modified", modified.as_ref().map(|date| &date[..]));
        if !answer.content_range.is_empty() {
            described.fields.push((b"content-range", answer.content_range.into_bytes().into()));
        }
        if status != 304 {
            described.add(&known, b"accept-ranges", Some(b"bytes"));
        }
        described
    }

    /// The length of the content in bytes.
    pub(super) fn length(&self) -> u64 {
        self.pieces.iter().map(Piece::length).sum()
    }

    /// Returns whether a field replaces the one of the application.
    pub(super) fn replaces(&self, name: &[u8]) -> bool {
        self.fields.iter().any(|(own, _)| *own == name)
    }

    fn add(&mut self, known: impl Fn(&[u8]) -> Option<Vec<u8>>, name: &'static [u8], value: Option<&[u8]>) {
        if let Some(value) = value
            && known(name).is_none()
        {
            self.fields.push((name, value.into()));
        }
    }
}

/// The entity tag: a file that changes twice within the kernel's resolution of time, without a change of its size, keeps
/// it. Linux counts time in steps of 4 ms here, and finer from 6.13 on where somebody has looked at the time.
/// It differs between encodings, of which two may have the same time and size, since builds often set all times to one.
fn etag(facts: Facts, encoding: &[u8]) -> Vec<u8> {
    let (seconds, nanoseconds) = facts.modified;
    let mut tag = format!("\"{seconds:x}.{nanoseconds:x}-{:x}", facts.size).into_bytes();
    if !encoding.is_empty() {
        tag.push(b'-');
        // What an application sets may have any byte.
        tag.extend(encoding.iter().filter(|byte| byte.is_ascii_alphanumeric()));
    }
    tag.push(b'"');
    tag
}

/// A boundary that no file contains by chance, or because somebody has put it there: each has random keys.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}
