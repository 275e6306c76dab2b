//! `QueryParams`: the query of a request as a mapping, decoded as browsers encode it (WHATWG URL, section 5).
//!
//! A name is looked for in the query itself; a dict of everything is made for code that goes through the names.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyType};

use super::http_error::http_error;
use crate::ffi::class::Definition;
use crate::ffi::getter::repr;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::make;
use crate::ffi::mapping::{self, Mapping, name_argument};
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;

const DOC: &str = "\
The parameters in the query of a request, by name.

The value of a name that is repeated is the first one; get_all() has all of them. \"+\" is a space, \"%\" and two digits
are a byte, and bytes that are not UTF-8 are read as U+FFFD, as in browsers (WHATWG URL, section 5). A \"%\" without two
digits is a \"%\", a name without \"=\" has the value \"\". A query with more than 1000 parameters is refused (400).";

/// The most parameters: the limit that Django and PHP have for forms. A handler that goes through them is not slowed
/// down by a client.
const PARAMETERS_AT_MOST: usize = 1000;

/// The query of a request.
pub(super) struct QueryParams {
    raw: Box<[u8]>,
    /// The first value of each name, once the names were asked for.
    first: GilCell<Option<Object<PyDict>>>,
}

/// Creates the class and adds it to the module.
pub(super) fn make_class<'py>(module: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyType>> {
    let methods = vec![
        Method::new("get_all", fastcall(get_all), "($self, name, /)", "All values of a name, in order."),
        Method::new(
            "items_all",
            no_arguments(items_all),
            "($self)",
            "All pairs of name and value, in order.",
        ),
    ];
    let repr = Some(repr(representation));
    let definition = Definition { methods, repr, ..Definition::new("QueryParams", DOC) };
    mapping::make_class(module, QueryParams::class(), definition)
}

impl QueryParams {
    /// Creates the object for a query. HTTPError 400 if it has too many parameters.
    pub(super) fn make(py: Python<'_>, raw: Box<[u8]>) -> Result<Bound<'_, Self>, ErrorSet> {
        // Two parameters have a byte between them.
        let may_be_many = raw.len() >= 2 * PARAMETERS_AT_MOST;
        if may_be_many && content::urlencoded::pairs(&raw).nth(PARAMETERS_AT_MOST).is_some() {
            let detail = format!("the query has more than {PARAMETERS_AT_MOST} parameters");
            return Err(http_error(py, 400, &detail));
        }
        Self::class().instance(py, Self { raw, first: GilCell::new(None) })
    }

    fn pairs(&self) -> content::urlencoded::Pairs<'_> {
        content::urlencoded::pairs(&self.raw)
    }

    /// Returns the first value of each name.
    fn first<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>, ErrorSet> {
        if let Some(known) = self.first.with(py, |first| first.as_ref().map(|first| first.clone_ref(py))) {
            return Ok(known.into_bound(py));
        }
        let dict = make::dict(py)?;
        for pair in self.pairs() {
            let name = text(py, &pair.name)?;
            if !dict.contains(&name)? {
                dict.set_item(name, text(py, &pair.value)?)?;
            }
        }
        let object = dict.clone().into();
        let before = self.first.with(py, |first| first.replace(object));
        drop(before);
        Ok(dict)
    }
}

/// Creates a string of decoded bytes.
#[inline]
pub(super) fn text<'py>(py: Python<'py>, decoded: &[u8]) -> Result<Bound<'py, PyString>, ErrorSet> {
    if decoded.is_ascii() {
        return make::latin_1(py, decoded);
    }
    make::text(py, &String::from_utf8_lossy(decoded))
}

/// Returns whether decoded bytes are this text.
#[inline]
fn is_text(decoded: &[u8], wanted: &str) -> bool {
    decoded == wanted.as_bytes()
        || matches!(String::from_utf8_lossy(decoded), Cow::Owned(replaced) if replaced == wanted)
}

impl Mapping for QueryParams {
    #[inline]
    fn item<'py>(this: This<'py, Self>, key: Borrowed<'py>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
        let py = this.py();
        let value = this.value();
        if let Some(known) = value.first.with(py, |first| first.as_ref().map(|first| first.clone_ref(py))) {
            return if key.is_instance_of::<PyString>() {
                Ok(known.bind(py).get_item(key)?)
            } else {
                Ok(None)
            };
        }
        let Some(name) = mapping::text_of(key)? else { return Ok(None) };
        let found = value.pairs().find(|pair| is_text(&pair.name, name));
        found.map(|pair| Ok(text(py, &pair.value)?.into_any())).transpose()
    }

    fn keys(this: This<'_, Self>) -> Result<Bound<'_, PyList>, ErrorSet> {
        let first = this.value().first(this.py())?;
        make::list(this.py(), first.iter().map(|(name, _)| name).collect::<Vec<_>>())
    }

    fn length(this: This<'_, Self>) -> Result<usize, ErrorSet> {
        Ok(this.value().first(this.py())?.len())
    }
}

fn get_all<'py>(call: &Call<'py, QueryParams>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let name = name_argument(call, "get_all")?;
    let pairs = call.this().value().pairs().filter(|pair| is_text(&pair.name, name));
    let values: Result<Vec<_>, ErrorSet> =
        pairs.map(|pair| Ok(text(call.py, &pair.value)?.into_any())).collect();
    Ok(make::list(call.py, values?)?.into_any())
}

fn items_all(this: This<'_, QueryParams>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    let pair = |pair: content::urlencoded::Pair<'_>| {
        let pair = [text(py, &pair.name)?.into_any(), text(py, &pair.value)?.into_any()];
        Ok(make::tuple(py, pair)?.into_any())
    };
    let pairs: Result<Vec<_>, ErrorSet> = this.value().pairs().map(pair).collect();
    Ok(make::list(py, pairs?)?.into_any())
}

fn representation(this: This<'_, QueryParams>) -> PyResult<Bound<'_, PyAny>> {
    let raw = String::from_utf8_lossy(&this.value().raw);
    Ok(make::text(this.py(), &format!("<QueryParams {raw:?}>"))?.into_any())
}

impl ClassValue for QueryParams {
    type Head = Weak;

    one_class!(QueryParams);

    /// The dict has only strings.
    fn visit(&self, _visit: &mut Visit) {}

    fn clear(&self, _py: Python<'_>) {}
}
