//! The client of a request that a proxy names, for the access log: looked up before the request is answered, since its head
//! is not kept until then.

use pyo3::prelude::*;
use wire::Wire as _;

use crate::ffi::call::call_one;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::addresses;
use crate::server::asgi::{self, Begun};

/// Keeps a scope that has what the line of a request needs, corrected by what a trusted proxy says.
#[cold]
pub(super) fn note(begun: &Begun<'_>) -> Result<(), ErrorSet> {
    let protocol = begun.protocol;
    let py = protocol.py();
    let Some(correct) = &protocol.value().http_server.get().settings.forwarded else { return Ok(()) };
    let [client, _] = addresses::of(protocol)?;
    let fields = protocol.state.with(py, |state| {
        let pair = |(name, value)| {
            let pair = [make::bytes(py, name)?.into_any(), make::bytes(py, value)?.into_any()];
            make::tuple(py, pair).map(Bound::into_any)
        };
        state.wire.head().fields().iter().map(pair).collect::<Result<Vec<_>, ErrorSet>>()
    })?;
    let scope = make::dict(py)?;
    scope.set_item(name!("type"), name!("http"))?;
    scope.set_item(name!("client"), client)?;
    let scheme = if addresses::is_secure(protocol) { name!("https") } else { name!("http") };
    scope.set_item(name!("scheme"), scheme)?;
    scope.set_item(name!("headers"), make::list(py, fields)?)?;
    call_one(correct.bind_borrowed(py), scope.as_any().as_borrowed())?;
    asgi::note_scope(begun, &scope);
    Ok(())
}
