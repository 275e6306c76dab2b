//! Which version of HTTP a connection begins with: what TLS has agreed on, or the only one that is spoken.
//!
//! In clear text a client that begins with HTTP/2 is recognised by its preface, which is the machine's affair.

use pyo3::prelude::*;
use wire::Versions;

use super::connection::Protocol;
use super::transport::AnyTransport;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Has a connection that is about to be made speak HTTP/2 from its first byte if that is the only version, or was agreed on
/// by ALPN (RFC 9113 section 3.2).
pub(super) fn choose_version(protocol: This<'_, Protocol>, transport: &AnyTransport) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let settings = &protocol.value().http_server.get().settings.wire;
    let versions = settings.http2.versions;
    if versions == Versions::Http1 || (versions == Versions::Auto && !transport.is_secure()) {
        return Ok(());
    }
    let ssl_object = transport.fact(py, name!("ssl_object"))?;
    let agreed = match ssl_object.is_none() {
        true => None,
        false => ssl_object.call_method0(name!("selected_alpn_protocol"))?.extract::<Option<String>>()?,
    };
    if versions == Versions::Http2 || agreed.as_deref() == Some("h2") {
        let is_prohibited = !ssl_object.is_none() && has_prohibited_cipher(&ssl_object)?;
        protocol.state.with(py, |state| state.wire.speak_http2(settings, is_prohibited));
    }
    Ok(())
}

/// Returns whether TLS is older than 1.2, or uses a cipher suite of 1.2 that HTTP/2 prohibits: any without an ephemeral key
/// exchange or without authenticated encryption (RFC 9113 section 9.2.2 and appendix A).
fn has_prohibited_cipher(ssl_object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let cipher: Option<(String, String, i32)> = ssl_object.call_method0(name!("cipher"))?.extract()?;
    let Some((name, version, _)) = cipher else { return Ok(false) };
    let is_ephemeral = name.starts_with("ECDHE-") || name.starts_with("DHE-");
    let is_authenticated = ["GCM", "CCM", "POLY1305"].iter().any(|mode| name.contains(mode));
    Ok(version != "TLSv1.3" && !(is_ephemeral && is_authenticated))
}
