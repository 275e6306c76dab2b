//! The cookies of a request, as a dict (RFC 6265 section 5.4).

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::query::text;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;

/// Returns the cookies of all Cookie fields. The first of a name counts: browsers send the one with the longest path
/// first. Bytes that are not UTF-8 are read as U+FFFD.
pub(super) fn cookies<'py>(py: Python<'py>, lines: &[Vec<u8>]) -> Result<Bound<'py, PyDict>, ErrorSet> {
    let dict = make::dict(py)?;
    for cookie in lines.iter().flat_map(|line| content::cookies::cookies(line)) {
        let name = text(py, cookie.name)?;
        if !dict.contains(&name)? {
            dict.set_item(name, text(py, &cookie.value)?)?;
        }
    }
    Ok(dict)
}
