//! `Headers`: the fields of a request as a mapping, by names in any case.
//!
//! It has a copy of the fields, which are a few hundred bytes, and makes a string of a value when that is asked for.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyType};

use crate::ffi::class::Definition;
use crate::ffi::getter::{getter, repr};
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::make;
use crate::ffi::mapping::{self, Mapping, name_argument};
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;

const DOC: &str = "\
The header fields of a request, by name.

Names are compared without regard to case (RFC 9110 section 5.1). Values are text in Latin-1, which has a character for
each byte. The value of a field that is repeated is all of its lines, joined by a comma and a space, as RFC 9110 section
5.2 defines it; those of Cookie are joined by a semicolon. get_all() has the lines one by one.";

/// Fields whose values `repr()` leaves out: they would get into logs.
const SECRETS: [&[u8]; 3] = [b"authorization", b"cookie", b"proxy-authorization"];

/// The fields of a request.
pub(super) struct Headers {
    fields: http::Fields,
}

/// Creates the class and adds it to the module.
pub(super) fn make_class<'py>(module: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyType>> {
    let methods = vec![
        Method::new("get_all", fastcall(get_all), "($self, name, /)", "The values of each line of a field."),
        Method::new(
            "items_all",
            no_arguments(items_all),
            "($self)",
            "The name and value of each line, in order.",
        ),
    ];
    let getters = vec![getter("raw", raw)];
    let repr = Some(repr(representation));
    let definition = Definition { methods, getters, repr, ..Definition::new("Headers", DOC) };
    mapping::make_class(module, Headers::class(), definition)
}

impl Headers {
    /// Creates the object for these fields.
    pub(super) fn make(py: Python<'_>, fields: http::Fields) -> Result<Bound<'_, Self>, ErrorSet> {
        Self::class().instance(py, Self { fields })
    }
}

/// Returns the value of a field, of all its lines, if it is there. The name is in any case.
pub(super) fn value<'py>(
    py: Python<'py>,
    fields: &http::Fields,
    name: &[u8],
) -> Result<Option<Bound<'py, PyString>>, ErrorSet> {
    let mut lines = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let Some((name, first)) = lines.next() else { return Ok(None) };
    let Some((_, second)) = lines.next() else { return make::latin_1(py, first).map(Some) };
    let separator: &[u8] = if name == b"cookie" { b"; " } else { b", " };
    let mut joined = [first, separator, second].concat();
    for (_, line) in lines {
        joined.extend_from_slice(separator);
        joined.extend_from_slice(line);
    }
    make::latin_1(py, &joined).map(Some)
}

impl Mapping for Headers {
    #[inline]
    fn item<'py>(this: This<'py, Self>, key: Borrowed<'py>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
        let Some(name) = mapping::text_of(key)? else { return Ok(None) };
        Ok(value(this.py(), &this.fields, name.as_bytes())?.map(Bound::into_any))
    }

    fn keys(this: This<'_, Self>) -> Result<Bound<'_, PyList>, ErrorSet> {
        let names: Result<Vec<_>, ErrorSet> =
            distinct(&this.fields).map(|name| Ok(make::latin_1(this.py(), name)?.into_any())).collect();
        make::list(this.py(), names?)
    }

    fn length(this: This<'_, Self>) -> Result<usize, ErrorSet> {
        Ok(distinct(&this.fields).count())
    }
}

/// Goes through the names, each once. A head has at most a few hundred fields, so they are compared with each other.
fn distinct(fields: &http::Fields) -> impl Iterator<Item = &[u8]> {
    let names = fields.iter().map(|(name, _)| name);
    names
        .clone()
        .enumerate()
        .filter(move |(place, name)| !names.clone().take(*place).any(|known| known == *name))
        .map(|(_, name)| name)
}

fn get_all<'py>(call: &Call<'py, Headers>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let name = name_argument(call, "get_all")?;
    let lines =
        call.this().value().fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
    let values: Result<Vec<_>, ErrorSet> =
        lines.map(|(_, line)| Ok(make::latin_1(call.py, line)?.into_any())).collect();
    Ok(make::list(call.py, values?)?.into_any())
}

fn items_all(this: This<'_, Headers>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    let pair = |(name, value)| {
        let pair = [make::latin_1(py, name)?.into_any(), make::latin_1(py, value)?.into_any()];
        Ok(make::tuple(py, pair)?.into_any())
    };
    let pairs: Result<Vec<_>, ErrorSet> = this.fields.iter().map(pair).collect();
    Ok(make::list(py, pairs?)?.into_any())
}

/// Returns the lines as they were sent, except that names are in lower case: pairs of bytes.
fn raw(this: This<'_, Headers>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    let pair = |(name, value)| {
        let pair = [make::bytes(py, name)?.into_any(), make::bytes(py, value)?.into_any()];
        Ok(make::tuple(py, pair)?.into_any())
    };
    let pairs: Result<Vec<_>, ErrorSet> = this.value().fields.iter().map(pair).collect();
    Ok(make::list(py, pairs?)?.into_any())
}

fn representation(this: This<'_, Headers>) -> PyResult<Bound<'_, PyAny>> {
    let shown = |(name, value): (&[u8], &[u8])| {
        let is_secret = SECRETS.contains(&name);
        // Latin-1 is the first 256 characters of Unicode.
        let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        let value = if is_secret { "...".to_owned() } else { format!("{:?}", text(value)) };
        format!("{}: {value}", text(name))
    };
    let lines: Vec<_> = this.fields.iter().map(shown).collect();
    Ok(make::text(this.py(), &format!("<Headers {}>", lines.join(", ")))?.into_any())
}

impl ClassValue for Headers {
    type Head = Weak;

    one_class!(Headers);

    fn visit(&self, _visit: &mut Visit) {}

    fn clear(&self, _py: Python<'_>) {}
}
