//! The options of an `HttpServer`: names, defaults, and what is wrong with a value.
//!
//! Sizes and counts that the parser enforces are `http::Limits`'s, with their defaults.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::ffi::error::new_error;

/// How long a peer may take with the head of a request, from connecting or from the last one: Apache has 20 s to 40 s,
/// nginx 60 s, gunicorn and uvicorn none.
const HEADER_SECONDS: f64 = 60.0;
/// How long a body may stand still, in either direction: nginx 60 s.
const BODY_SECONDS: f64 = 60.0;
/// How long a connection may be idle between requests. Load balancers keep idle connections for 60 s (AWS) and would
/// use one that is just being closed; nginx has 75 s, uvicorn 5 s.
const KEEP_ALIVE_SECONDS: f64 = 75.0;

/// How long a peer whose answer was the last one may be silent before the connection is cut, and how long it may go on
/// sending what nobody reads: without this time its kernel could throw the answer away unread (RFC 9112 section 9.6).
/// nginx 5 s and 30 s.
const LINGER_SECONDS: f64 = 2.0;
const LINGER_SECONDS_AT_MOST: f64 = 30.0;

/// Waits are counted in ticks, of which the shortest limit has this many, so that none is exceeded by more than a part
/// of it.
const TICKS: f64 = 16.0;
const SHORTEST_TICK: f64 = 0.02;
const LONGEST_TICK: f64 = 1.0;

pub(super) struct Settings {
    pub(super) root_path: String,
    /// The value of the `server` field; empty: there is none.
    pub(super) server: Vec<u8>,
    pub(super) has_date: bool,
    /// The version of ASGI that the application was written for.
    pub(super) asgi_version: String,
    /// What a client is told whose request is refused; empty: the status alone.
    pub(super) refusal: Vec<u8>,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) limits: http::Limits,
    /// Requests at a time.
    pub(super) requests: usize,
    pub(super) connections: usize,
    pub(super) tick_seconds: f64,
    /// In ticks; `None`: no limit.
    pub(super) header: Option<u32>,
    pub(super) body: Option<u32>,
    /// Bytes of content that have to come in a tick on average; `None`: it may take its time.
    pub(super) body_pace: Option<f64>,
    pub(super) keep_alive: Option<u32>,
    pub(super) linger: u32,
    pub(super) linger_at_most: u32,
    pub(super) logs_access: bool,
    /// Whether `http.response.pathsend` and `http.response.zerocopysend` are announced.
    pub(super) announces_path_send: bool,
    pub(super) announces_zero_copy_send: bool,
    pub(super) state: Option<Py<PyDict>>,
    /// Whether requests for a WebSocket go to the hooks instead of being refused.
    pub(super) allow_upgrade: bool,
    /// Whether connections, tasks and the count of requests are told to the hooks, as uvicorn's server wants.
    pub(super) reports_to_hooks: bool,
}

struct Seconds {
    header: Option<f64>,
    body: Option<f64>,
    body_rate: Option<f64>,
    keep_alive: Option<f64>,
}

impl Settings {
    /// Reads the options. ValueError or TypeError names what is wrong.
    pub(super) fn read(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut seconds = Seconds {
            header: Some(HEADER_SECONDS),
            body: Some(BODY_SECONDS),
            body_rate: None,
            keep_alive: Some(KEEP_ALIVE_SECONDS),
        };
        let mut settings = Self {
            root_path: String::new(),
            server: b"vitok".to_vec(),
            has_date: true,
            asgi_version: "3.0".to_owned(),
            refusal: Vec::new(),
            fields: Vec::new(),
            limits: http::Limits::default(),
            requests: usize::MAX,
            connections: usize::MAX,
            tick_seconds: LONGEST_TICK,
            header: None,
            body: None,
            body_pace: None,
            keep_alive: None,
            linger: 0,
            linger_at_most: 0,
            logs_access: false,
            announces_path_send: false,
            announces_zero_copy_send: false,
            state: None,
            allow_upgrade: false,
            reports_to_hooks: false,
        };
        for (name, value) in options {
            let name: String = name.extract()?;
            settings.take(&name, &value, &mut seconds).map_err(|error| {
                let text = format!("the option {name} of an HTTP server: {}", error.value(options.py()));
                if error.is_instance_of::<PyTypeError>(options.py()) {
                    new_error::<PyTypeError>(text)
                } else {
                    new_error::<PyValueError>(text)
                }
            })?;
        }
        settings.count_ticks(&seconds);
        Ok(settings)
    }

    fn take(&mut self, name: &str, value: &Bound<'_, PyAny>, seconds: &mut Seconds) -> PyResult<()> {
        match name {
            "root_path" => self.root_path = value.extract()?,
            "server_header" => self.server = text_of_field(value)?,
            "date_header" => self.has_date = value.is_truthy()?,
            "asgi_version" => self.asgi_version = value.extract()?,
            "refusal_text" => self.refusal = value.extract::<String>()?.into_bytes(),
            "headers" => self.fields = fields(value)?,
            "limit_request_line" => self.limits.request_line_bytes = count(value)?,
            "limit_request_head" => self.limits.head_bytes = count(value)?,
            "limit_request_fields" => self.limits.fields = count(value)?,
            "limit_request_body" => {
                self.limits.body_bytes = if is_absent(value)? { u64::MAX } else { value.extract()? }
            }
            "limit_concurrency" => self.requests = count(value)?,
            "limit_connections" => self.connections = count(value)?,
            "timeout_header" => seconds.header = duration(value)?,
            "timeout_body" => seconds.body = duration(value)?,
            "min_body_rate" => seconds.body_rate = duration(value)?,
            "timeout_keep_alive" => seconds.keep_alive = duration(value)?,
            "access_log" => self.logs_access = value.is_truthy()?,
            "path_send" => self.announces_path_send = value.is_truthy()?,
            "zero_copy_send" => self.announces_zero_copy_send = value.is_truthy()?,
            "state" => self.state = value.extract()?,
            "allow_upgrade" => self.allow_upgrade = value.is_truthy()?,
            "reports_to_hooks" => self.reports_to_hooks = value.is_truthy()?,
            _ => return Err(new_error::<PyValueError>("there is no such option")),
        }
        Ok(())
    }

    fn count_ticks(&mut self, seconds: &Seconds) {
        let all = [seconds.header, seconds.body, seconds.keep_alive];
        let shortest = all.into_iter().flatten().fold(f64::INFINITY, f64::min);
        self.tick_seconds = (shortest / TICKS).clamp(SHORTEST_TICK, LONGEST_TICK);
        let ticks = |limit: Option<f64>| limit.map(|limit| whole(limit / self.tick_seconds));
        (self.header, self.body, self.keep_alive) =
            (ticks(seconds.header), ticks(seconds.body), ticks(seconds.keep_alive));
        self.body_pace = seconds.body_rate.map(|bytes| bytes * self.tick_seconds);
        self.linger = whole(LINGER_SECONDS / self.tick_seconds);
        self.linger_at_most = whole(LINGER_SECONDS_AT_MOST / self.tick_seconds);
    }
}

/// As many ticks as are surely not over before the time is: one has begun already.
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

/// A number of things; None or 0: no limit.
fn count(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    if is_absent(value)? {
        return Ok(usize::MAX);
    }
    let number: i64 = value.extract()?;
    usize::try_from(number).map_err(|_| new_error::<PyValueError>(format!("{number} is less than nothing")))
}

/// A time in seconds; None or 0: no limit.
fn duration(value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    if is_absent(value)? {
        return Ok(None);
    }
    let seconds: f64 = value.extract()?;
    if seconds > 0.0 && seconds.is_finite() {
        return Ok(Some(seconds));
    }
    Err(new_error::<PyValueError>(format!("{seconds} is no number of seconds")))
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
