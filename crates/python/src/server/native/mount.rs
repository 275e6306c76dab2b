//! ASGI applications in a native one: where they stand, as their scopes tell it.

use pyo3::types::PyDictMethods;
use wire::Wire as _;

use super::routes::{Found, Routes};
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::server::asgi::Mounted;
use crate::server::connection::Protocol;

/// Returns what the scope of the application at this place has. The last parameter of a mounted application is what
/// follows its prefix.
pub(super) fn place<'py>(
    protocol: This<'py, Protocol>,
    routes: &Routes,
    found: &Found,
) -> Result<Mounted<'py>, ErrorSet> {
    let py = protocol.py();
    let path = protocol.state.with(py, |state| state.wire.head().path().to_vec());
    let path_params = routes.path_params(py, found, &path)?;
    let (prefix, rest) = routes.mount(found, &path).unwrap_or_default();
    if let Some(name) = rest {
        path_params.del_item(name)?;
    }
    Ok(Mounted { root_path: make::text(py, &prefix)?, path_params })
}
