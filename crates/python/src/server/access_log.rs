//! What becomes of the records of requests: counts, and lines of the access log, which are collected during a turn and
//! passed to the hooks in the next one.

use std::time::Duration;

use pyo3::prelude::*;
use wire::{LogEnd, LogRecord};

use super::connection::Protocol;
use crate::ffi::name::Text;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Writes the lines of these records.
pub(super) fn write(protocol: This<'_, Protocol>, records: Vec<LogRecord>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.bind(py);
    let settings = &http_server.get().settings;
    let (began, websocket) = value.state.with(py, |state| (state.exchange.began, state.exchange.websocket));
    for record in records {
        let began = began.filter(|(request, _)| record.request == Some(*request));
        let taken = began.map_or(Duration::ZERO, |(_, began)| began.elapsed());
        if settings.measures {
            let bounds = &settings.duration_bounds;
            http_server.get().shared.with(py, |shared| shared.measures.add(&record, taken, bounds));
        }
        if !settings.logs_access && !settings.reports_to_hooks {
            continue;
        }
        // uvicorn knows only what was sent.
        let status = if settings.reports_to_hooks { record.status } else { record.outcome() };
        let line = format!("{} {}", peer(value, py)?, record.text(status, taken));
        // uvicorn warns of refused requests, with and without an access log.
        if settings.reports_to_hooks && matches!(record.end, LogEnd::Refused(_)) {
            http_server.get().hooks.bind(py).call_method1(name!("refused"), (Text(&line),))?;
            continue;
        }
        // uvicorn does not take WebSockets for accesses: it is told of their handshakes.
        if settings.reports_to_hooks && websocket.is_some() && record.request == websocket {
            continue;
        }
        let is_first = http_server.get().shared.with(py, |shared| {
            let is_first = shared.log.is_empty();
            shared.log.push_str(&line);
            shared.log.push('\n');
            is_first
        });
        if is_first {
            http_server.get().call_soon(http_server.getattr(name!("_write_log"))?)?;
        }
    }
    Ok(())
}

/// Returns `127.0.0.1:53210`, or `-` for a peer without such an address.
fn peer(value: &Protocol, py: Python<'_>) -> Result<String, ErrorSet> {
    let known =
        value.state.with(py, |state| state.addresses.as_ref().map(|[client, _]| client.clone_ref(py)));
    let address = match (known, value.transport(py)) {
        (Some(client), _) => client.into_bound(py),
        (None, Some(transport)) => transport.fact(py, name!("peername"))?,
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
