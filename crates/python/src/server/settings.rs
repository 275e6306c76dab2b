//! The options of an `HttpServer`: checks of their values, and times in ticks.
//!
//! The module has no defaults: the caller gives every option of `vitok.http.options`. The limits of the parser are in
//! `http::Limits`.

use std::collections::HashMap;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::ffi::error::new_error;

/// The longest silence of a peer after its last response before the connection is cut, and the longest time in which
/// the peer may send bytes that are not read: without this time its kernel could discard the response unread (RFC 9112
/// section 9.6). nginx 5 s and 30 s.
const LINGER_SECONDS: f64 = 2.0;
const LINGER_SECONDS_AT_MOST: f64 = 30.0;

/// The number of ticks in the shortest limit. Waits are counted in ticks, so no limit is exceeded by more than a part
/// of it.
const TICKS: f64 = 16.0;
const SHORTEST_TICK: f64 = 0.02;
const LONGEST_TICK: f64 = 1.0;

pub(super) struct Settings {
    pub(super) root_path: String,
    /// The value of the `server` field; empty for none.
    pub(super) server: Vec<u8>,
    pub(super) has_date: bool,
    /// The version of ASGI that the application was written for.
    pub(super) asgi_version: String,
    /// The text for a client whose request is refused; empty for the status alone.
    pub(super) refusal: Vec<u8>,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) limits: http::Limits,
    /// The limit on concurrent requests.
    pub(super) requests: usize,
    pub(super) connections: usize,
    pub(super) tick_seconds: f64,
    /// In ticks; `None` for no limit.
    pub(super) header: Option<u32>,
    pub(super) body: Option<u32>,
    /// The bytes of content required per tick on average; `None` for no limit.
    pub(super) body_pace: Option<f64>,
    pub(super) keep_alive: Option<u32>,
    pub(super) linger: u32,
    pub(super) linger_at_most: u32,
    pub(super) logs_access: bool,
    /// Whether `http.response.pathsend` and `http.response.zerocopysend` are announced.
    pub(super) announces_path_send: bool,
    pub(super) announces_zero_copy_send: bool,
    pub(super) state: Option<Py<PyDict>>,
    /// Whether requests for a WebSocket are passed to the hooks instead of being refused.
    pub(super) allow_upgrade: bool,
    /// Whether connections, tasks and the count of requests are reported to the hooks, as uvicorn's server needs.
    pub(super) reports_to_hooks: bool,
}

impl Settings {
    /// Reads the options. ValueError or TypeError names the invalid one.
    pub(super) fn read(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut given = Given::new(options)?;
        let limits = http::Limits {
            request_line_bytes: given.required("limit_request_line", count)?,
            head_bytes: given.required("limit_request_head", count)?,
            fields: given.required("limit_request_fields", count)?,
            body_bytes: given.required("limit_request_body", bytes)?,
            ..http::Limits::default()
        };
        let header = given.required("timeout_header", duration)?;
        let body = given.required("timeout_body", duration)?;
        let body_rate = given.required("min_body_rate", duration)?;
        let keep_alive = given.required("timeout_keep_alive", duration)?;
        let shortest = [header, body, keep_alive].into_iter().flatten().fold(f64::INFINITY, f64::min);
        let tick_seconds = (shortest / TICKS).clamp(SHORTEST_TICK, LONGEST_TICK);
        let ticks = |seconds: f64| whole(seconds / tick_seconds);
        let settings = Self {
            root_path: given.required("root_path", |value| value.extract())?,
            server: given.required("server_header", text_of_field)?,
            has_date: given.required("date_header", truth)?,
            asgi_version: given.required("asgi_version", |value| value.extract())?,
            refusal: given.optional("refusal_text", |value| value.extract::<String>())?.into_bytes(),
            fields: given.required("headers", fields)?,
            limits,
            requests: given.required("limit_concurrency", count)?,
            connections: given.required("limit_connections", count)?,
            tick_seconds,
            header: header.map(ticks),
            body: body.map(ticks),
            body_pace: body_rate.map(|bytes| bytes * tick_seconds),
            keep_alive: keep_alive.map(ticks),
            linger: ticks(LINGER_SECONDS),
            linger_at_most: ticks(LINGER_SECONDS_AT_MOST),
            logs_access: given.optional("access_log", truth)?,
            announces_path_send: given.required("path_send", truth)?,
            announces_zero_copy_send: given.required("zero_copy_send", truth)?,
            state: given.optional("state", |value| Ok(value.extract()?))?,
            allow_upgrade: given.optional("allow_upgrade", truth)?,
            reports_to_hooks: given.optional("reports_to_hooks", truth)?,
        };
        given.finish()?;
        Ok(settings)
    }
}

/// The options of the caller that were not read yet, by name.
struct Given<'py> {
    py: Python<'py>,
    values: HashMap<String, Bound<'py, PyAny>>,
}

type Convert<T> = fn(&Bound<'_, PyAny>) -> PyResult<T>;

impl<'py> Given<'py> {
    fn new(options: &Bound<'py, PyDict>) -> PyResult<Self> {
        let pairs = options.iter().map(|(name, value)| Ok((name.extract()?, value)));
        Ok(Self { py: options.py(), values: pairs.collect::<PyResult<_>>()? })
    }

    /// Returns an option of `vitok.http.options`. TypeError if it is missing.
    fn required<T>(&mut self, name: &str, convert: Convert<T>) -> PyResult<T> {
        let Some(value) = self.values.remove(name) else {
            return Err(new_error::<PyTypeError>(format!("the option {name} of an HTTP server is missing")));
        };
        convert(&value).map_err(|error| self.named(name, &error))
    }

    /// Returns an option that may be missing; its default is false, empty or `None`.
    fn optional<T: Default>(&mut self, name: &str, convert: Convert<T>) -> PyResult<T> {
        let Some(value) = self.values.remove(name) else { return Ok(T::default()) };
        convert(&value).map_err(|error| self.named(name, &error))
    }

    /// ValueError if an option was not read.
    fn finish(self) -> PyResult<()> {
        match self.values.keys().next() {
            Some(name) => Err(self.named(name, &new_error::<PyValueError>("unknown option"))),
            None => Ok(()),
        }
    }

    fn named(&self, name: &str, error: &PyErr) -> PyErr {
        let text = format!("the option {name} of an HTTP server: {}", error.value(self.py));
        if error.is_instance_of::<PyTypeError>(self.py) {
            new_error::<PyTypeError>(text)
        } else {
            new_error::<PyValueError>(text)
        }
    }
}

fn truth(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_truthy()
}

/// Returns a number of ticks that never pass before the time does: one has begun already.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is positive, and a cast saturates"
)]
fn whole(ticks: f64) -> u32 {
    (ticks.ceil() as u32).saturating_add(1)
}

fn is_absent(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.is_none() || (value.extract::<f64>().is_ok_and(|number| number == 0.0)))
}

/// Reads a count; None or 0 for no limit.
fn count(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    if is_absent(value)? {
        return Ok(usize::MAX);
    }
    let number: i64 = value.extract()?;
    usize::try_from(number).map_err(|_| new_error::<PyValueError>(format!("{number} is negative")))
}

/// Converts a number of bytes; None or 0 means no limit.
fn bytes(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if is_absent(value)? { Ok(u64::MAX) } else { value.extract() }
}

/// Reads a time in seconds; None or 0 for no limit.
fn duration(value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    if is_absent(value)? {
        return Ok(None);
    }
    let seconds: f64 = value.extract()?;
    if seconds > 0.0 && seconds.is_finite() {
        return Ok(Some(seconds));
    }
    Err(new_error::<PyValueError>(format!("{seconds} is not a number of seconds")))
}

fn text_of_field(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if value.is_none() {
        return Ok(Vec::new());
    }
    let text = value.cast::<PyBytes>()?.as_bytes();
    http::check_field(b"server", text).map_err(|misuse| new_error::<PyValueError>(misuse.to_string()))?;
    Ok(text.to_vec())
}

fn fields(value: &Bound<'_, PyAny>) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut fields = Vec::new();
    for pair in value.try_iter()? {
        let (name, text): (Vec<u8>, Vec<u8>) = pair?.extract()?;
        http::check_field(&name, &text).map_err(|misuse| {
            new_error::<PyValueError>(format!("{misuse}: {}", String::from_utf8_lossy(&name)))
        })?;
        fields.push((name, text));
    }
    Ok(fields)
}
