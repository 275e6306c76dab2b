//! Forms without files, `application/x-www-form-urlencoded`, in one step; and how a form that is refused is reported.
//!
//! The limits come from `FormLimits` of `vitok.http`, which says why they are what they are.

use std::borrow::Cow;

use content::media_type::MediaType;
use content::{ContentError, multipart, urlencoded};
use http::Fields;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList};

use super::http_error::http_error;
use crate::ffi::call::call_one;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Adds the functions to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(form_boundary, module)?)?;
    module.add_function(wrap_pyfunction!(split_form, module)?)
}

/// The limits of a form, in the order of `FormLimits`.
#[derive(FromPyObject)]
#[pyo3(transparent)]
pub(super) struct Limits([u64; 10]);

impl Limits {
    /// The limits of a form in parts.
    pub(super) const fn of_parts(&self) -> multipart::Limits {
        let [
            fields,
            files,
            name_bytes,
            field_bytes,
            fields_bytes,
            file_bytes,
            files_bytes,
            head_bytes,
            head_fields,
            outside_bytes,
        ] = self.0;
        multipart::Limits {
            fields,
            files,
            head_fields,
            head_bytes,
            name_bytes,
            field_bytes,
            fields_bytes,
            file_bytes,
            files_bytes,
            outside_bytes,
        }
    }
}

/// What of `vitok.http.native.form` is needed for every form.
struct Module {
    form: Py<PyAny>,
    limits: multipart::Limits,
}

/// Filled by the first form.
static MODULE: PyOnceLock<Module> = PyOnceLock::new();

impl Module {
    fn import(py: Python<'_>) -> PyResult<Self> {
        let module = py.import(name!("vitok.http.native.form"))?;
        let limits = limits_of(&module.getattr(name!("DEFAULT_LIMITS"))?)?;
        Ok(Self { form: module.getattr(name!("Form"))?.unbind(), limits })
    }
}

/// Returns the limits that an object of `FormLimits` has.
pub(super) fn limits_of(limits: &Bound<'_, PyAny>) -> PyResult<multipart::Limits> {
    Ok(limits.getattr(name!("numbers"))?.extract::<Limits>()?.of_parts())
}

/// Returns whether a request has an urlencoded form that is read here: as browsers send it, without a coding.
pub(super) fn is_urlencoded(fields: &Fields) -> bool {
    let mut is_plain = false;
    for (name, value) in fields.iter() {
        match name {
            b"content-encoding" => return false,
            b"content-type" if is_plain || value != b"application/x-www-form-urlencoded" => return false,
            b"content-type" => is_plain = true,
            _ => {}
        }
    }
    is_plain
}

/// Returns the `Form` of urlencoded content. HTTPError.
pub(super) fn form_of<'py>(
    py: Python<'py>,
    content: &[u8],
    limits: Option<&multipart::Limits>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let module = MODULE.get_or_try_init(py, || Module::import(py))?;
    let fields = fields(py, content, limits.unwrap_or(&module.limits))?;
    call_one(module.form.bind_borrowed(py), fields.as_any().as_borrowed())
}

/// Return the boundary of a form in parts, or None for an urlencoded one: what Content-Type says. HTTPError.
#[pyfunction]
fn form_boundary<'py>(py: Python<'py>, content_type: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let in_field = |error: ContentError| http_error(py, 400, &format!("Content-Type: {error}"));
    let media_type = MediaType::parse(content_type).map_err(in_field)?;
    if media_type.is(b"multipart", b"form-data") {
        return match media_type.boundary().map_err(in_field)? {
            Some(boundary) => Ok(Some(make::bytes(py, &boundary)?)),
            None => Err(http_error(py, 400, "Content-Type: multipart/form-data without a boundary").into()),
        };
    }
    let [kind, subtype] = [media_type.kind(), media_type.subtype()].map(String::from_utf8_lossy);
    if !media_type.is(b"application", b"x-www-form-urlencoded") {
        return Err(http_error(
            py,
            415,
            &format!("the content is {kind}/{subtype} where a form is expected"),
        )
        .into());
    }
    match media_type.charset().map_err(in_field)? {
        // Browsers never send another one (WHATWG URL section 5.2).
        Some(charset) if !charset.eq_ignore_ascii_case(b"utf-8") => {
            let charset = String::from_utf8_lossy(&charset);
            Err(http_error(py, 415, &format!("the form is {charset} where UTF-8 is expected")).into())
        }
        _ => Ok(None),
    }
}

/// Return the fields of an urlencoded form as a list of (name, value).
#[pyfunction]
fn split_form<'py>(py: Python<'py>, content: &[u8], limits: Limits) -> PyResult<Bound<'py, PyList>> {
    Ok(fields(py, content, &limits.of_parts())?)
}

/// Returns the fields of an urlencoded form as a list of tuples. HTTPError.
pub(super) fn fields<'py>(
    py: Python<'py>,
    content: &[u8],
    limits: &multipart::Limits,
) -> Result<Bound<'py, PyList>, ErrorSet> {
    let too_large = |than: &str, limit: u64, at: usize| {
        http_error(py, 413, &format!("the form has {than} {limit}, at byte {at}"))
    };
    if content.len() as u64 > limits.fields_bytes {
        let limit = limits.fields_bytes;
        return Err(http_error(py, 413, &format!("the form has more bytes than {limit}, at byte {limit}")));
    }
    let mut fields = Vec::new();
    for pair in urlencoded::pairs(content) {
        if fields.len() as u64 == limits.fields {
            return Err(too_large("more fields than", limits.fields, pair.at));
        }
        if pair.name.len() as u64 > limits.name_bytes {
            return Err(too_large("a name of more bytes than", limits.name_bytes, pair.at));
        }
        if pair.value.len() as u64 > limits.field_bytes {
            return Err(too_large("a field of more bytes than", limits.field_bytes, pair.at));
        }
        if pair.name.contains(&0) {
            return Err(http_error(
                py,
                400,
                &format!("the name of a field contains NUL, at byte {}", pair.at),
            ));
        }
        let text = |part: &Cow<'_, [u8]>| match std::str::from_utf8(part) {
            Ok(text) => Ok(make::text(py, text)?.into_any()),
            Err(_) => Err(refuse_text(py, pair.at as u64)),
        };
        fields.push(make::tuple(py, [text(&pair.name)?, text(&pair.value)?])?.into_any());
    }
    make::list(py, fields)
}

/// Raises the HTTPError for a form that is refused.
#[cold]
pub(super) fn refuse(py: Python<'_>, error: &ContentError) -> ErrorSet {
    http_error(py, error.status(), &error.to_string())
}

/// Raises the HTTPError for a field that is not UTF-8.
#[cold]
pub(super) fn refuse_text(py: Python<'_>, at: u64) -> ErrorSet {
    http_error(py, 400, &format!("a field is not UTF-8, at byte {at}"))
}
