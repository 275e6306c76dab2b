//! Lines of the access log: gathered over a turn, handed to the hooks in the next one.

use std::time::Instant;

use pyo3::prelude::*;

use super::connection::{Protocol, Request, protocol_of};
use super::names::names;
use super::sink::Sink;
use crate::ffi::method::Argument;
use crate::ffi::raised::Raised;

/// What is noted of a request when it begins: its line as it was sent. Heads have no control characters, so the log can't
/// be forged.
pub(super) fn note(request: &mut Request, head: &http::Head) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('"', "%22");
    let version = if head.version() == http::Version::Http10 { "1.0" } else { "1.1" };
    let line = format!("\"{} {} HTTP/{version}\"", text(head.method()), text(head.target()));
    request.line = Some(line.into_boxed_str());
    request.began = Some(Instant::now());
}

/// A request is over, its response complete or not.
pub(super) fn log(protocol: Argument<'_>, request: &Request, is_complete: bool) -> Result<(), Raised> {
    let (Some(line), Some(began)) = (&request.line, request.began) else { return Ok(()) };
    let py = protocol.py();
    let value = protocol_of(protocol);
    let mut text = peer(value, py)?;
    let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
    let status = if request.status == 0 { "-".to_owned() } else { request.status.to_string() };
    text.push_str(&format!(" {line} {status} {}B {milliseconds:.2}ms", request.sent));
    text.push_str(if is_complete { "\n" } else { " (cut short)\n" });
    push(value, py, &text)
}

/// A request was refused before an application saw it.
pub(super) fn log_refusal(protocol: Argument<'_>, status: u16, because: &str) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    if !value.hub.get().settings.logs_access {
        return Ok(());
    }
    let text = format!("{} \"-\" {status} 0B 0.00ms ({because})\n", peer(value, py)?);
    push(value, py, &text)
}

fn push(value: &Protocol, py: Python<'_>, line: &str) -> Result<(), Raised> {
    let hub = value.hub.bind(py);
    let is_first = hub.get().shared.with(py, |shared| {
        let is_first = shared.log.is_empty();
        shared.log.push_str(line);
        is_first
    });
    if is_first {
        hub.get().call_soon(hub.getattr("_write_log")?)?;
    }
    Ok(())
}

/// `127.0.0.1:53210`, or `-` for a peer without an address of that kind.
fn peer(value: &Protocol, py: Python<'_>) -> Result<String, Raised> {
    let known = value.body.with(py, |body| body.ends.as_ref().map(|ends| ends[0].clone_ref(py)));
    let address = match (known, value.sink(py)) {
        (Some(client), _) => client.into_bound(py),
        (None, Some(sink)) => peer_of(&sink, py)?,
        (None, None) => return Ok("-".to_owned()),
    };
    let parts: Result<(String, u16), _> =
        address.get_item(0).and_then(|host| Ok((host.extract()?, address.get_item(1)?.extract()?)));
    Ok(match parts {
        Ok((host, port)) if host.contains(':') => format!("[{host}]:{port}"),
        Ok((host, port)) => format!("{host}:{port}"),
        Err(_) => "-".to_owned(),
    })
}

fn peer_of<'py>(sink: &Sink, py: Python<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    sink.fact(py, &names(py)?.peername)
}
