//! Lines of the access log: collected during a turn, passed to the hooks in the next one.

use std::time::Instant;

use pyo3::prelude::*;

use super::connection::{Answer, Protocol, Request, State};
use super::transport::Transport;
use crate::ffi::name::Text;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Records the start of a request: its line as it was sent. Heads that were read, and lines of others, have no control
/// characters, so the log can't be forged.
pub(super) fn note(request: &mut Request, head: &http::Head) {
    let version = if head.version() == http::Version::Http10 { "1.0" } else { "1.1" };
    let line = format!("\"{} {} HTTP/{version}\"", text_of(head.method()), text_of(head.target()));
    request.line = Some(line.into_boxed_str());
    request.began = Some(Instant::now());
}

/// Returns bytes from a peer in a form that can be quoted.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('"', "%22")
}

/// Logs the end of a request, whether its response is complete or not.
pub(super) fn log(
    protocol: This<'_, Protocol>,
    request: &Request,
    is_complete: bool,
) -> Result<(), ErrorSet> {
    let Some(facts) = facts(request, request.status) else { return Ok(()) };
    let py = protocol.py();
    let value = protocol.value();
    let more = if is_complete { "" } else { " (cut short)" };
    push(value, py, &format!("{} {facts}{more}\n", peer(value, py)?))
}

/// Returns the log text of a request that has begun.
fn facts(request: &Request, status: u16) -> Option<String> {
    let (line, began) = (request.line.as_ref()?, request.began?);
    let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
    let status = if status == 0 { "-".to_owned() } else { status.to_string() };
    Some(format!("{line} {status} {}B {milliseconds:.2}ms", request.sent))
}

/// Logs a refused request, before or after an application has seen it: one line, with the reason.
pub(super) fn log_refusal(protocol: This<'_, Protocol>, status: u16, because: &str) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let settings = &value.http_server.get().settings;
    if !settings.logs_access && !settings.reports_to_hooks {
        return Ok(());
    }
    let facts = value.state.with(py, |state| refused(state, status));
    let line = format!("{} {facts} ({because})", peer(value, py)?);
    if settings.reports_to_hooks {
        // uvicorn warns of it, with and without an access log.
        value.http_server.get().hooks.bind(py).call_method1(name!("refused"), (Text(&line),))?;
        return Ok(());
    }
    push(value, py, &format!("{line}\n"))
}

fn refused(state: &mut State, status: u16) -> String {
    if let Some(request) = &mut state.request {
        let is_told = matches!(request.answer, Answer::Owed | Answer::Started(_));
        let facts = facts(request, if is_told { status } else { request.status });
        // The only line of this request.
        request.line = None;
        if let Some(facts) = facts {
            return facts;
        }
    }
    let line = state.http.request_line().map_or_else(|| "-".to_owned(), text_of);
    format!("\"{line}\" {status} 0B 0.00ms")
}

fn push(value: &Protocol, py: Python<'_>, line: &str) -> Result<(), ErrorSet> {
    let http_server = value.http_server.bind(py);
    let is_first = http_server.get().shared.with(py, |shared| {
        let is_first = shared.log.is_empty();
        shared.log.push_str(line);
        is_first
    });
    if is_first {
        http_server.get().call_soon(http_server.getattr(name!("_write_log"))?)?;
    }
    Ok(())
}

/// Returns `127.0.0.1:53210`, or `-` for a peer without such an address.
fn peer(value: &Protocol, py: Python<'_>) -> Result<String, ErrorSet> {
    let known = value.state.with(py, |state| state.ends.as_ref().map(|ends| ends[0].clone_ref(py)));
    let address = match (known, value.transport(py)) {
        (Some(client), _) => client.into_bound(py),
        (None, Some(transport)) => peer_of(&transport, py)?,
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

fn peer_of<'py>(transport: &Transport, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    transport.fact(py, name!("peername"))
}
