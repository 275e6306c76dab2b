//! XML between bytes and the elements of `xml.etree`: `read_xml` and `write_xml`.
//!
//! `content::xml` reads and writes; here its events become elements, and elements its calls.

mod etree;
mod read;
mod write;

use pyo3::prelude::*;

/// Adds the functions to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_xml, module)?)?;
    module.add_function(wrap_pyfunction!(write_xml, module)?)
}

/// Return the root element of a document, within limits and without entities that the document declares.
///
/// Its encoding is that of a byte order mark, else `charset`, else that of its declaration, else UTF-8. ValueError that
/// says where the document is malformed, or has more than a limit allows.
#[pyfunction]
#[pyo3(signature = (data, charset = None))]
fn read_xml<'py>(data: &Bound<'py, PyAny>, charset: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
    Ok(read::read(data, charset)?)
}

/// Return an element as a document in UTF-8. ValueError for what XML can't express.
#[pyfunction]
fn write_xml<'py>(element: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(write::write(element)?)
}
