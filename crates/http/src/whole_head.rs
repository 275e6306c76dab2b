//! Reads a head that is in the input as a whole and valid: nothing is copied. For any other, `head_lines.rs` finds what
//! is missing or wrong.
//!
//! httparse splits the head; this file and `message_rules.rs` have the rules.

use std::mem::MaybeUninit;

use crate::bytes;
use crate::fields::{Slots, Span};
use crate::head::Version;
use crate::limits::FIELDS_AT_MOST;
use crate::message_limits::MessageLimits;
use crate::message_rules::{Outcome, Rules, StartLine};
use crate::methods;
use crate::target;

/// Room for the positions of the fields of one head, on the stack of the caller.
pub struct FieldSlots<'a>(Slots<'a>);

impl FieldSlots<'_> {
    /// Room that is not initialised, which costs nothing.
    #[must_use]
    #[inline(always)]
    pub fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; FIELDS_AT_MOST])
    }
}

impl Default for FieldSlots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FieldSlots<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FieldSlots").finish_non_exhaustive()
    }
}

/// The fields of a head, as they were sent: names in their case, values without the white space around them.
#[derive(Clone, Copy, Debug)]
pub struct WholeFields<'a, 's>(&'s [httparse::Header<'a>]);

impl<'a, 's> WholeFields<'a, 's> {
    /// Iterates over the name and value of each field.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a, 's> {
        self.0.iter().map(|field| (field.name.as_bytes(), field.value))
    }
}

/// A head that was read as a whole.
pub(crate) struct WholeHead<'a, 's> {
    pub(crate) length: usize,
    pub(crate) line: StartLine,
    pub(crate) version: Version,
    /// The target of a request, or the reason phrase of a response, if there is a space in front of it.
    pub(crate) text: Option<&'a [u8]>,
    pub(crate) fields: WholeFields<'a, 's>,
    pub(crate) outcome: Outcome,
}

/// Reads the head of a request at the start of the input.
#[inline]
pub(crate) fn request<'a, 's>(
    input: &'a [u8],
    slots: &'s mut FieldSlots<'a>,
    limits: &MessageLimits,
) -> Option<WholeHead<'a, 's>> {
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(input, &mut slots.0[..limits.fields]);
    let Ok(httparse::Status::Complete(length)) = parsed else { return None };
    let method = methods::known(request.method?.as_bytes())?;
    let text = request.path?.as_bytes();
    // Blank lines in front of the request are left to the other reader.
    if !input.starts_with(method) || text.len() > limits.start_line_bytes {
        return None;
    }
    let parts = target::parts_of(method, text).ok()?;
    let line = StartLine::Request { method, form: parts.form };
    let version = version_of(request.version?);
    end(&input[..length], line, version, Some(text), request.headers, limits)
}

/// Reads the head of a response at the start of the input.
#[inline]
pub(crate) fn response<'a, 's>(
    input: &'a [u8],
    slots: &'s mut FieldSlots<'a>,
    limits: &MessageLimits,
) -> Option<WholeHead<'a, 's>> {
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        input,
        &mut slots.0[..limits.fields],
    );
    let Ok(httparse::Status::Complete(length)) = parsed else { return None };
    let status = response.code.filter(|status| *status >= 100)?;
    if !input.starts_with(b"HTTP/1.") {
        return None;
    }
    // httparse returns no reason that is not ASCII.
    let rest = &input[b"HTTP/1.1 200".len()..length];
    let text = match rest {
        [b' ', reason @ ..] => {
            let reason = &reason[..reason.iter().position(|byte| *byte == b'\r')?];
            (bytes::is_value(reason) && reason.len() <= limits.start_line_bytes).then_some(Some(reason))?
        }
        _ => None,
    };
    let line = StartLine::Response { status };
    end(&input[..length], line, version_of(response.version?), text, response.headers, limits)
}

/// Checks the line ends, and applies the rules to the fields.
#[inline]
fn end<'a, 's>(
    section: &'a [u8],
    line: StartLine,
    version: Version,
    text: Option<&'a [u8]>,
    fields: &'s [httparse::Header<'a>],
    limits: &MessageLimits,
) -> Option<WholeHead<'a, 's>> {
    if section.len() > limits.head_bytes || !section.ends_with(b"\r\n\r\n") {
        return None;
    }
    let (mut rules, mut has_plain_line_ends) = (Rules::default(), true);
    for field in fields {
        // httparse also accepts bare line feeds, and guarantees a line feed before each name.
        let name = Span::locate(field.name.as_bytes(), section);
        has_plain_line_ends &= section[name.start() - 2] == b'\r';
        rules.note(field.name.as_bytes(), field.value);
    }
    if !has_plain_line_ends {
        return None;
    }
    let outcome = rules.decide(line, version).ok()?;
    let fields = WholeFields(fields);
    Some(WholeHead { length: section.len(), line, version, text, fields, outcome })
}

fn version_of(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}
