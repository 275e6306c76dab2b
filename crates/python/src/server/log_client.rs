//! The client of a request as a log shows it: the peer, or the one that a trusted proxy names.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::name;

/// A client, in characters that can't harm a line.
pub(super) struct Client {
    /// Its address; empty for none.
    pub(super) host: Box<str>,
    /// The address with the port, or `-`.
    pub(super) shown: Box<str>,
    /// The scheme that a proxy names.
    pub(super) scheme: Option<Box<str>>,
}

/// Returns the client that a scope names, whatever it has become.
pub(super) fn of_scope(scope: &Bound<'_, PyDict>) -> Client {
    let item = |key| scope.get_item(key).ok().flatten();
    let scheme = item(name!("scheme")).and_then(|scheme| scheme.extract::<String>().ok());
    of(item(name!("client")).as_ref(), scheme.as_deref())
}

/// Returns the client at an address, with the scheme that a proxy names.
pub(super) fn of(address: Option<&Bound<'_, PyAny>>, scheme: Option<&str>) -> Client {
    let scheme = scheme.map(|scheme| plain(scheme).into());
    let host = address.and_then(|address| address.get_item(0).ok()?.extract::<String>().ok());
    let Some(host) = host.filter(|_| address.is_some_and(|address| !is_text(address))) else {
        return Client { host: "".into(), shown: "-".into(), scheme };
    };
    let port: Option<u16> = address.and_then(|address| address.get_item(1).ok()?.extract().ok());
    let host = plain(&host);
    let shown = match port.filter(|port| *port > 0) {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        // A proxy may not tell the port.
        None => host.clone(),
    };
    Client { host: host.into(), shown: shown.into(), scheme }
}

/// Returns whether an address is the path of a Unix socket.
fn is_text(address: &Bound<'_, PyAny>) -> bool {
    address.is_instance_of::<pyo3::types::PyString>() || address.is_instance_of::<pyo3::types::PyBytes>()
}

/// Returns a text without characters that have a meaning for a log.
fn plain(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\');
    text.chars().map(|letter| if is_plain(letter) { letter } else { '?' }).collect()
}
