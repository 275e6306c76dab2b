//! The settings of an `HttpServer`, as Python passes them: checked, and with times in ticks.
//!
//! There are no defaults here: every number comes from the tables of `vitok.http`, which say why it is what it is.

use std::time::Duration;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use websocket::DeflateSettings;
use wire::access::{AccessFormat, FormatError, Style};
use wire::{FloodLimits, Http2Settings, NotedParts, Ticks, Upgrades, Versions, WebSocketSettings};

use super::totals::{HttpTotals, Share};
use crate::ffi::error::new_error;
use crate::ffi::name::Text;

pub(super) struct Settings {
    /// What a connection has to know.
    pub(super) wire: wire::Settings,
    pub(super) root_path: String,
    pub(super) has_date: bool,
    /// The version of ASGI that the application was written for.
    pub(super) asgi_version: String,
    /// The limit on concurrent requests; 0 where that of the process holds, so that each request asks for a place there.
    pub(super) requests: usize,
    pub(super) connections: usize,
    /// The limits of the process, and who counts there.
    process: Option<(Py<HttpTotals>, [usize; 2])>,
    pub(super) tick_seconds: f64,
    /// The time for which messages to a client that has left are dropped.
    pub(super) disconnect_grace: Duration,
    /// Whether `http.response.pathsend` and `http.response.zerocopysend` are announced.
    pub(super) announces_path_send: bool,
    pub(super) announces_zero_copy_send: bool,
    pub(super) state: Option<Py<PyDict>>,
    /// Sets client and scheme of a scope to those that a trusted proxy names, for a native application.
    pub(super) forwarded: Option<Py<PyAny>>,
    /// Whether connections, tasks and the count of requests are reported to the hooks, as uvicorn's server needs.
    pub(super) reports_to_hooks: bool,
    /// Whether lines are written about requests.
    pub(super) logs_access: bool,
    /// What the lines say.
    pub(super) access_format: AccessFormat,
    /// How long lines wait for others after some were passed on.
    pub(super) gather: Duration,
    /// Whether their client is the one of the scope, which a proxy may have named.
    pub(super) logs_scopes: bool,
    /// Whether counts are kept for metrics.
    pub(super) measures: bool,
    /// The bounds of the counts of durations, ascending.
    pub(super) duration_bounds: Vec<Duration>,
}

/// The limits on requests and connections of a server, and those of its process.
type Places = (usize, usize, Option<(Py<HttpTotals>, [usize; 2])>);

impl Settings {
    /// Returns the part that the server has in the counts of its process.
    pub(super) fn share(&self) -> Option<Share> {
        let (totals, [connections, requests]) = self.process.as_ref()?;
        Some(Share::new(totals.get(), *connections, *requests))
    }

    /// Reads the settings. ValueError or TypeError names the one that is invalid, missing or unknown.
    pub(super) fn read(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let given = Given(options.copy()?);
        let times = Times::read(&given)?;
        let reports_to_hooks = given.take("reports_to_hooks", plain)?;
        let logs_access = given.take("access_log", plain)?;
        let measures = given.take("metrics", plain)?;
        let access_format = read_format(&given)?;
        let forwarded = given.take("forwarded", plain::<Option<Py<PyAny>>>)?;
        let follows_scopes: bool = given.take("access_log_scope", plain)?;
        let records = Records {
            noted: (logs_access || reports_to_hooks).then(|| access_format.noted().clone()),
            requests: logs_access || measures,
            to_hooks: reports_to_hooks,
        };
        let wire = read_wire(&given, &times, &records)?;
        let (requests, connections, process) = read_places(&given)?;
        let settings = Self {
            wire,
            root_path: given.take("root_path", plain)?,
            has_date: given.take("date_header", plain)?,
            asgi_version: given.take("asgi_version", plain)?,
            requests,
            connections,
            process,
            tick_seconds: times.tick_seconds,
            disconnect_grace: given
                .take("disconnect_grace_seconds", number)?
                .map_or(Duration::MAX, |seconds| {
                    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
                }),
            announces_path_send: given.take("path_send", plain)?,
            announces_zero_copy_send: given.take("zero_copy_send", plain)?,
            state: given.take("state", plain)?,
            logs_scopes: logs_access && (follows_scopes || forwarded.is_some()),
            forwarded,
            reports_to_hooks,
            logs_access,
            access_format,
            gather: Duration::from_secs_f64(given.take("access_log_seconds", number)?.unwrap_or(0.0)),
            measures,
            duration_bounds: given.take("metrics_bounds", bounds)?,
        };
        match given.0.keys().iter().next() {
            Some(name) => Err(new_error::<PyValueError>(format!("{name} is no option of an HTTP server"))),
            None => Ok(settings),
        }
    }
}

/// Reads the limits on requests and connections at a time: those of the server, or of its process.
fn read_places(given: &Given<'_>) -> PyResult<Places> {
    let totals = given.take("totals", plain::<Option<Py<HttpTotals>>>)?;
    let requests = given.take("limit_concurrency", count)?;
    let connections = given.take("limit_connections", count)?;
    Ok(match totals {
        None => (requests, connections, None),
        Some(totals) => {
            let own = if requests == usize::MAX { requests } else { 0 };
            (own, usize::MAX, Some((totals, [connections, requests])))
        }
    })
}

/// The times that decide how long a tick is, in seconds.
struct Times {
    header: Option<f64>,
    body: Option<f64>,
    keep_alive: Option<f64>,
    ping_interval: Option<f64>,
    ping_timeout: Option<f64>,
    serves_websockets: bool,
    tick_seconds: f64,
}

impl Times {
    fn read(given: &Given<'_>) -> PyResult<Self> {
        let header = given.take("timeout_header", number)?;
        let body = given.take("timeout_body", number)?;
        let keep_alive = given.take("timeout_keep_alive", number)?;
        let ping_interval = given.take("ws_ping_interval", number)?;
        let ping_timeout = given.take("ws_ping_timeout", number)?;
        let serves_websockets = given.take("ws", is_auto)?;
        let pings = [ping_interval, ping_timeout].map(|time| time.filter(|_| serves_websockets));
        let tick_seconds = Ticks::length([header, body, keep_alive].into_iter().chain(pings));
        Ok(Self { header, body, keep_alive, ping_interval, ping_timeout, serves_websockets, tick_seconds })
    }

    fn ticks(&self, seconds: f64) -> Ticks {
        Ticks::of(seconds, self.tick_seconds)
    }

    /// Returns the option of this name in ticks.
    fn take(&self, given: &Given<'_>, name: &str) -> PyResult<Ticks> {
        Ok(given.take(name, number)?.map_or(Ticks::FOREVER, |seconds| self.ticks(seconds)))
    }
}

/// Reads what the lines of the access log say.
fn read_format(given: &Given<'_>) -> PyResult<AccessFormat> {
    let text: Option<String> = given.take("access_log_format", plain)?;
    let style = Style {
        json: given.take("access_log_json", plain)?,
        colors: given.take("access_log_colors", plain)?,
        stamps: given.take("access_log_stamps", plain)?,
    };
    match text {
        None => Ok(AccessFormat::usual(style, std::process::id())),
        Some(text) => format(&text, style)
            .map_err(|error| new_error::<PyValueError>(format!("the option access_log_format: {error}"))),
    }
}

/// Check a format of access lines. ValueError says what is wrong with it.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(super) fn check_access_format(text: &str) -> PyResult<()> {
    let style = Style { json: false, colors: false, stamps: false };
    format(text, style).map(drop).map_err(|error| new_error::<PyValueError>(error.to_string()))
}

/// Reads a format. The environment is that of now.
fn format(text: &str, style: Style) -> Result<AccessFormat, FormatError> {
    AccessFormat::parse(text, style, std::process::id(), |name| std::env::var(name).ok())
}

/// What records of requests are made for.
struct Records {
    /// Lines about them, which need this of heads.
    noted: Option<NotedParts>,
    /// Lines or metrics.
    requests: bool,
    /// uvicorn's server.
    to_hooks: bool,
}

fn read_wire(given: &Given<'_>, times: &Times, records: &Records) -> PyResult<wire::Settings> {
    let allows_upgrade = given.take("allow_upgrade", plain)?;
    let limits = read_limits(given)?;
    let http2 = read_http2(given, times, limits.head_bytes)?;
    let ticks = |seconds| times.ticks(seconds);
    Ok(wire::Settings {
        limits: limits.into(),
        head_time: times.header.map(ticks),
        body_time: times.body.map(ticks),
        body_bytes_per_tick: given.take("min_body_rate", number)?.map(|bytes| bytes * times.tick_seconds),
        keep_alive_time: times.keep_alive.map(ticks),
        linger_time: times.take(given, "linger_seconds")?,
        linger_time_at_most: times.take(given, "linger_seconds_at_most")?,
        waiting_body_bytes: given.take("waiting_body_bytes", count)?,
        requests_per_turn: given.take("requests_per_turn", count)?.try_into().unwrap_or(u8::MAX),
        response_bytes_per_turn: given.take("response_bytes_per_turn", count)?,
        server: given.take("server_header", server)?,
        refusal: given.take("refusal_text", plain::<String>)?.into_bytes(),
        fields: given.take("headers", fields)?,
        logs_requests: records.requests,
        logs_refusals: records.requests || records.to_hooks,
        noted: records.noted.clone(),
        upgrades: match (times.serves_websockets, allows_upgrade, records.to_hooks) {
            (_, true, _) => Upgrades::TakenOver,
            (true, false, _) => Upgrades::WebSocket,
            (false, false, true) => Upgrades::Ignored,
            (false, false, false) => Upgrades::Refused,
        },
        websocket: read_websocket(given, times)?,
        http2,
    })
}

/// Reads what HTTP/2 has beyond HTTP/1.1. The largest head is the same for both.
fn read_http2(given: &Given<'_>, times: &Times, head_bytes: usize) -> PyResult<Http2Settings> {
    let resets = given.take("http2_max_resets", frames)?;
    Ok(Http2Settings {
        versions: given.take("http", versions)?,
        streams: given.take("http2_max_concurrent_streams", plain)?,
        head_list_bytes: u32::try_from(head_bytes).unwrap_or(u32::MAX),
        frame_bytes: given.take("http2_max_frame_size", plain)?,
        stream_window: given.take("http2_initial_stream_window_size", plain)?,
        connection_window: given.take("http2_initial_connection_window_size", plain)?,
        table_bytes: given.take("http2_table_bytes", plain)?,
        unsent_bytes: given.take("http2_max_send_buffer_size", count)?,
        resets: usize::try_from(resets).unwrap_or(usize::MAX),
        flood: FloodLimits {
            interval: times.ticks(1.0),
            pings: given.take("http2_pings", frames)?,
            settings: given.take("http2_settings", frames)?,
            resets,
            priorities: given.take("http2_priorities", frames)?,
            window_updates: given.take("http2_window_updates", frames)?,
            empty_frames: given.take("http2_empty_frames", frames)?,
            unknown_frames: given.take("http2_unknown_frames", frames)?,
            continuations: given.take("http2_continuations", frames)?,
        },
    })
}

fn read_limits(given: &Given<'_>) -> PyResult<http::Limits> {
    Ok(http::Limits {
        request_line_bytes: given.take("limit_request_line", count)?,
        head_bytes: given.take("limit_request_head", count)?,
        fields: given.take("limit_request_fields", count)?,
        method_bytes: given.take("method_bytes", count)?,
        body_bytes: given.take("limit_request_body", bytes)?,
        chunk_extension_bytes: given.take("chunk_extension_bytes", count)?,
        chunk_extensions_bytes: given.take("chunk_extensions_bytes", count)?,
        trailer_bytes: given.take("trailer_bytes", count)?,
        backlog_bytes: given.take("backlog_bytes", count)?,
        drain_bytes: given.take("drain_bytes", bytes)?,
    })
}

fn read_websocket(given: &Given<'_>, times: &Times) -> PyResult<WebSocketSettings> {
    let window_bits = given.take("ws_window_bits", window_bits)?;
    let at_least = given.take("ws_compress_at_least", plain)?;
    let level = given.take("ws_compress_level", plain)?;
    let message_bytes = given.take("ws_max_size", bytes)?;
    let compresses: bool = given.take("ws_per_message_deflate", plain)?;
    Ok(WebSocketSettings {
        // A frame that is longer than a message can be is refused as that, and one of a compressed message may be longer.
        limits: websocket::Limits { frame_bytes: u64::MAX, message_bytes },
        waiting_messages: given.take("ws_max_queue", count)?,
        waiting_bytes: given.take("ws_queue_bytes", count)?,
        ping_interval: times.ping_interval.map(|seconds| times.ticks(seconds)),
        ping_timeout: times.ping_timeout.map(|seconds| times.ticks(seconds)),
        close_time: times.take(given, "ws_close_seconds")?,
        deflate: compresses.then_some(DeflateSettings { window_bits, at_least, level }),
    })
}

/// The entries that were not read yet.
struct Given<'py>(Bound<'py, PyDict>);

impl<'py> Given<'py> {
    /// Removes an entry and converts its value. TypeError if it is missing; other errors are made to name it.
    fn take<T>(&self, name: &str, convert: fn(&Bound<'py, PyAny>) -> PyResult<T>) -> PyResult<T> {
        let what = |text| format!("the option {name} of an HTTP server{text}");
        let Some(value) = self.0.get_item(Text(name))? else {
            return Err(new_error::<PyTypeError>(what(" is missing".to_owned())));
        };
        self.0.del_item(Text(name))?;
        convert(&value).map_err(|error| {
            let text = what(format!(": {}", error.value(value.py())));
            let is_type_error = error.is_instance_of::<PyTypeError>(value.py());
            if is_type_error { new_error::<PyTypeError>(text) } else { new_error::<PyValueError>(text) }
        })
    }
}

fn plain<'py, T: FromPyObjectOwned<'py>>(value: &Bound<'py, PyAny>) -> PyResult<T> {
    value.extract().map_err(Into::into)
}

/// Converts a number of bytes; None or 0 for no limit.
fn bytes(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    let bytes: Option<u64> = value.extract()?;
    Ok(bytes.filter(|bytes| *bytes > 0).unwrap_or(u64::MAX))
}

/// Converts a count; None or 0 for no limit.
fn count(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    Ok(usize::try_from(bytes(value)?).unwrap_or(usize::MAX))
}

/// Converts a number of frames; None or 0 for no limit.
fn frames(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    Ok(u32::try_from(bytes(value)?).unwrap_or(u32::MAX))
}

/// Converts a time in seconds, or a rate; None or 0 for no limit.
fn number(value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    let number: Option<f64> = value.extract()?;
    match number {
        Some(number) if !(number >= 0.0 && number.is_finite()) => {
            Err(new_error::<PyValueError>(format!("{number} is not a positive number")))
        }
        number => Ok(number.filter(|number| *number > 0.0)),
    }
}

/// Converts ascending times in seconds.
fn bounds(value: &Bound<'_, PyAny>) -> PyResult<Vec<Duration>> {
    let seconds: Vec<f64> = value.extract()?;
    let bounds: Result<Vec<_>, _> = seconds.iter().copied().map(Duration::try_from_secs_f64).collect();
    match bounds {
        Ok(bounds) if bounds.is_sorted_by(|one, next| one < next) => Ok(bounds),
        _ => Err(new_error::<PyValueError>("not ascending times in seconds".to_owned())),
    }
}

/// Converts the choice of what serves WebSockets.
fn is_auto(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match value.extract::<String>()?.as_str() {
        "auto" => Ok(true),
        "none" => Ok(false),
        other => Err(new_error::<PyValueError>(format!("{other} is neither auto nor none"))),
    }
}

/// Converts the choice of versions of HTTP.
fn versions(value: &Bound<'_, PyAny>) -> PyResult<Versions> {
    match value.extract::<String>()?.as_str() {
        "auto" => Ok(Versions::Auto),
        "1" => Ok(Versions::Http1),
        "2" => Ok(Versions::Http2),
        other => Err(new_error::<PyValueError>(format!("{other} is none of auto, 1 and 2"))),
    }
}

/// Converts the logarithm of a window of DEFLATE (RFC 7692 section 7.1.2); zlib has no window of 8 bits.
fn window_bits(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    match value.extract()? {
        bits @ 9..=15 => Ok(bits),
        bits => Err(new_error::<PyValueError>(format!("{bits} is not from 9 to 15"))),
    }
}

fn server(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let server: Option<Vec<u8>> = value.extract()?;
    let server = server.unwrap_or_default();
    check(b"server", &server).map(|()| server)
}

fn fields(value: &Bound<'_, PyAny>) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
    let fields: Vec<(Vec<u8>, Vec<u8>)> = value.extract()?;
    fields.iter().try_for_each(|(name, value)| check(name, value)).map(|()| fields)
}

fn check(name: &[u8], value: &[u8]) -> PyResult<()> {
    http::check_field(name, value)
        .map_err(|error| new_error::<PyValueError>(format!("{error}: {}", String::from_utf8_lossy(name))))
}
