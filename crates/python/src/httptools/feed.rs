//! `feed_data()`: from the bytes of one call to the calls of the protocol.
//!
//! The parser is in a cell, and each of its parts is told outside of it, because a method of the protocol may call any
//! method of the parser. The bytes cannot change meanwhile: other objects than `bytes` are copied.

use http::{FieldSlots, MessageEvent, WholeFields};
use pyo3::prelude::*;

use super::callbacks::{Callback, Callbacks};
use super::errors;
use super::names;
use super::state::HttpParser;
use crate::buffer::View;
use crate::ffi::arguments::{self, Call};
use crate::ffi::bytes::{Bytes, kept};
use crate::ffi::call::{call_one, call_plain, call_two};
use crate::ffi::constants::none;
use crate::ffi::make;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;

/// Those of a parser before `__init__`.
static NO_CALLBACKS: Callbacks = Callbacks::NONE;

/// One call of `feed_data()`.
struct Feed<'a, 'py> {
    parser: This<'py, HttpParser>,
    callbacks: &'a Callbacks,
    data: &'a Bytes,
}

/// Ends the call of `feed_data()` when it is dropped. The callbacks belong to the call meanwhile: another call, even of
/// another thread, is refused.
struct Feeding<'py> {
    parser: This<'py, HttpParser>,
    callbacks: Option<Box<Callbacks>>,
}

impl Drop for Feeding<'_> {
    fn drop(&mut self) {
        let own = self.callbacks.take();
        let unused = self.parser.state.with(self.parser.py(), |state| {
            state.is_feeding = false;
            // `__init__` may have been called meanwhile.
            if state.callbacks.is_some() {
                return own;
            }
            state.callbacks = own;
            None
        });
        drop(unused);
    }
}

pub(super) fn feed_data<'py>(call: &Call<'py, HttpParser>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let data = arguments::one(call, "feed_data", "data")?;
    let (py, parser) = (call.py, call.this());
    let bytes = constant_bytes(data)?;
    let begun = parser.state.with(py, |state| {
        if state.is_feeding {
            return None;
        }
        (state.is_feeding, state.is_new) = (true, false);
        Some((state.failure, state.callbacks.take()))
    });
    let Some((failure, callbacks)) = begun else {
        return Err(errors::misused(py, "feed_data() was called within a call of feed_data()"));
    };
    let feeding = Feeding { parser, callbacks };
    if let Some(text) = failure {
        return Err(errors::callback_failed(py, text, None));
    }
    Feed { parser, callbacks: feeding.callbacks.as_deref().unwrap_or(&NO_CALLBACKS), data: &bytes }.run()?;
    Ok(none(py))
}

/// Returns the bytes of an object, which do not change while the protocol is called.
#[inline(always)]
pub(super) fn constant_bytes(data: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    match Bytes::of(data) {
        Some(bytes) => Ok(bytes),
        None => kept(data.py(), View::of(data)?.bytes()),
    }
}

impl<'py> Feed<'_, 'py> {
    fn run(&self) -> Result<(), ErrorSet> {
        let py = self.parser.py();
        let bytes = self.data.as_ref();
        let mut rest = bytes;
        loop {
            let mut slots = FieldSlots::new();
            let event = self.parser.state.with(py, |state| state.parser.next(&mut rest, &mut slots));
            match event.map_err(|error| errors::refused(py, error))? {
                MessageEvent::NeedInput => return Ok(()),
                MessageEvent::Begin => self.tell(Callback::MessageBegin)?,
                MessageEvent::Target(text) => self.tell_bytes(Callback::Url, &text)?,
                MessageEvent::Reason(text) => self.tell_bytes(Callback::Status, &text)?,
                MessageEvent::Field(line) => {
                    self.tell_field(line.name(), line.value())?;
                    self.parser.state.with(py, |state| state.parser.reuse(line));
                }
                MessageEvent::Head { text, fields } => self.tell_head(text, fields)?,
                MessageEvent::HeadEnd => self.tell(Callback::HeadersComplete)?,
                MessageEvent::ChunkBegin => self.tell(Callback::ChunkHeader)?,
                MessageEvent::Content(part) => self.tell_content(part)?,
                MessageEvent::ChunkEnd => self.tell(Callback::ChunkComplete)?,
                MessageEvent::End => self.tell(Callback::MessageComplete)?,
                MessageEvent::Upgraded => return Err(errors::upgraded(py, bytes.len() - rest.len())),
            }
        }
    }

    /// Tells the beginning and the fields of a head that was read as a whole.
    #[inline]
    fn tell_head(&self, text: Option<&[u8]>, fields: WholeFields<'_, '_>) -> Result<(), ErrorSet> {
        self.tell(Callback::MessageBegin)?;
        if let Some(text) = text {
            let is_url = self.callbacks.get(self.parser.py(), Callback::Url).is_some();
            self.tell_bytes(if is_url { Callback::Url } else { Callback::Status }, text)?;
        }
        for (name, value) in fields.iter() {
            self.tell_field(name, value)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn tell(&self, callback: Callback) -> Result<(), ErrorSet> {
        let Some(method) = self.callbacks.get(self.parser.py(), callback) else { return Ok(()) };
        self.check(callback, call_plain(method))
    }

    #[inline(always)]
    fn tell_bytes(&self, callback: Callback, text: &[u8]) -> Result<(), ErrorSet> {
        let py = self.parser.py();
        let Some(method) = self.callbacks.get(py, callback) else { return Ok(()) };
        let text = make::bytes(py, text)?.into_any();
        self.check(callback, call_one(method, text.as_borrowed()))
    }

    /// Tells some content: the data itself if it is nothing else.
    #[inline]
    fn tell_content(&self, part: &[u8]) -> Result<(), ErrorSet> {
        if part.len() < self.data.as_ref().len() {
            return self.tell_bytes(Callback::Body, part);
        }
        let py = self.parser.py();
        let Some(method) = self.callbacks.get(py, Callback::Body) else { return Ok(()) };
        let data = self.data.to_object(py)?;
        self.check(Callback::Body, call_one(method, data.as_borrowed()))
    }

    #[inline(always)]
    fn tell_field(&self, name: &[u8], value: &[u8]) -> Result<(), ErrorSet> {
        let py = self.parser.py();
        let Some(method) = self.callbacks.get(py, Callback::Header) else { return Ok(()) };
        let (name, value) = (names::object_of(py, name)?, make::bytes(py, value)?.into_any());
        let told = call_two(method, [name.as_borrowed(), value.as_borrowed()]);
        self.check(Callback::Header, told)
    }

    #[inline(always)]
    fn check(&self, callback: Callback, told: Result<Bound<'py, PyAny>, ErrorSet>) -> Result<(), ErrorSet> {
        match told {
            Ok(result) => {
                drop(result);
                Ok(())
            }
            Err(raised) => Err(self.failed(callback, raised)),
        }
    }

    #[cold]
    fn failed(&self, callback: Callback, raised: ErrorSet) -> ErrorSet {
        let py = self.parser.py();
        let error = raised.take(py);
        let text = callback.failure();
        self.parser.state.with(py, |state| state.failure = Some(text));
        errors::callback_failed(py, text, Some(error))
    }
}
