//! `Routes`: the compiled form of an application, and which of its endpoints answers a request.
//!
//! The look-up itself is that of the crate `routing`, once for requests and once for WebSockets, and calls no Python. A
//! route with a converter of the program is found in a second step, outside of any borrow. A converter may use the
//! loop, but nothing here depends on what it changes.

use content::multipart;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use routing::{BadPath, Captures, Converter, Methods, Path, Table};

use super::forms::limits_of;
use super::kind::Kind;
use crate::ffi::call::call_method;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The method by which Python asks for the route of a WebSocket. No request has it: they are matched without.
const WEBSOCKET: &str = "WEBSOCKET";

/// One endpoint.
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) endpoint: Py<PyAny>,
    /// The route as Python knows it.
    pub(super) route: Py<PyAny>,
    /// The names of its parameters.
    parameters: Vec<Py<PyString>>,
}

/// Returns the path of a request, as it was sent. An absolute target without one means the root (RFC 9110 section
/// 4.2.3).
#[inline]
pub(super) fn path_of(head: &http::Head) -> &[u8] {
    if head.path().is_empty() { b"/" } else { head.path() }
}

/// What was found for a method and a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// An endpoint, by its place, and where its parameters are in the path.
    Entry { place: usize, captures: Captures },
    /// Converters of the program decide: `Routes::resolve` asks them, outside of any borrow.
    Undecided,
    /// Endpoints for other methods only.
    NotAllowed,
    /// No endpoint.
    Missing,
    /// The path can't be decoded, so that no endpoint is called.
    BadPath(BadPath),
}

/// The routes of an application, with its functions for everything else.
#[pyclass(frozen, immutable_type, module = "vitok._native", name = "Routes")]
pub(crate) struct Routes {
    entries: Vec<Entry>,
    /// For requests: entries for WebSockets have no methods here.
    requests: Table,
    /// For WebSockets: of the entries for requests, those of ASGI applications only have a method here.
    websockets: Table,
    /// The program's own, by their number in the tables.
    converters: Vec<Py<PyAny>>,
    /// `fallback(request, allowed)` for a request without a route.
    #[pyo3(get)]
    pub(super) fallback: Py<PyAny>,
    /// `on_exception(request, exception)`.
    #[pyo3(get)]
    pub(super) on_exception: Py<PyAny>,
    /// What the application was made with.
    #[pyo3(get)]
    pub(super) options: Py<PyDict>,
    /// Makes JSON of a value.
    pub(super) json_encode: Option<Py<PyAny>>,
    /// Makes a value of JSON.
    pub(super) json_decode: Option<Py<PyAny>>,
    /// The longest content that is gathered.
    pub(super) max_body: usize,
    /// The limits of forms, unless they are the usual ones.
    pub(super) form_limits: Option<multipart::Limits>,
    /// Makes of a value one that is known natively.
    pub(super) values: Option<Py<PyAny>>,
    /// Sends a response that has a source.
    pub(super) send: Option<Py<PyAny>>,
    /// The place of the ASGI application that gets all requests without another endpoint, whatever their path is.
    rest: Option<usize>,
}

/// Shape, methods, kind, endpoint and route.
type Row = (String, Option<Vec<String>>, String, Py<PyAny>, Py<PyAny>);

#[pymethods]
impl Routes {
    /// Compiles an application. ValueError for a shape or kind that is none.
    #[new]
    fn new(
        rows: Vec<Row>,
        fallback: Py<PyAny>,
        on_exception: Py<PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let py = options.py();
        let option =
            |name| Ok::<_, PyErr>(options.get_item(name)?.filter(|it| !it.is_none()).map(Bound::unbind));
        let (mut names, mut converters) = (Vec::new(), Vec::new());
        if let Some(own) = option(name!("converters"))? {
            for (name, converter) in own.bind(py).cast::<PyDict>()? {
                names.push(name.extract::<String>()?);
                converters.push(converter.unbind());
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (mut requests, mut websockets) = (Table::builder(&names), Table::builder(&names));
        let has_websockets = rows.iter().any(|(_, _, kind, ..)| kind == "websocket" || kind == "asgi");
        let mut entries = Vec::with_capacity(rows.len());
        for (shape, methods, kind, endpoint, route) in rows {
            let kind = Kind::named(&kind)?;
            let methods = methods.map_or_else(Methods::any, Methods::of);
            let (of_requests, of_websockets) = match kind {
                Kind::Plain | Kind::Async => (methods, Methods::default()),
                Kind::Asgi => (methods, Methods::any()),
                Kind::WebSocket => (Methods::default(), Methods::any()),
            };
            let add = |table: &mut routing::Builder, methods| {
                table
                    .add(&shape, methods)
                    .map_err(|error| new_error::<PyValueError>(format!("{shape:?}: {error}")))
            };
            // Both tables have every entry, so that numbers are places; but few applications need the second one.
            let number = add(&mut requests, of_requests)?;
            if has_websockets {
                add(&mut websockets, of_websockets)?;
            }
            let parameters = requests.parameters(number).iter();
            let parameters = parameters.map(|parameter| Ok(make::interned(py, &parameter.name)?.unbind()));
            entries.push(Entry { kind, endpoint, route, parameters: parameters.collect::<PyResult<_>>()? });
        }
        Ok(Self {
            entries,
            requests: requests.build(),
            websockets: websockets.build(),
            converters,
            fallback,
            on_exception,
            options: options.clone().unbind(),
            json_encode: option(name!("json_encode"))?,
            json_decode: option(name!("json_decode"))?,
            max_body: option(name!("max_body"))?.map_or(Ok(usize::MAX), |limit| limit.extract(py))?,
            form_limits: option(name!("form_limits"))?
                .map(|limits| limits_of(limits.bind(py)))
                .transpose()?,
            values: option(name!("values"))?,
            send: option(name!("send"))?,
            rest: option(name!("rest"))?.map(|place| place.extract(py)).transpose()?,
        })
    }

    /// Returns `(kind, endpoint, route, path_params)`, or the names of the allowed methods, of which a missing route has
    /// none. The method `WEBSOCKET` is for WebSockets. ValueError for a path that can't be decoded.
    #[pyo3(signature = (method, raw_path, /))]
    fn r#match<'py>(&self, py: Python<'py>, method: &str, raw_path: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
        let is_websocket = method == WEBSOCKET;
        let found = match self.find(method.as_bytes(), raw_path, is_websocket) {
            Found::Undecided => self.resolve(py, method.as_bytes(), raw_path, is_websocket)?,
            other => other,
        };
        let items = match found {
            Found::Entry { place, .. } => {
                let Entry { kind, endpoint, route, .. } = &self.entries[place];
                let kind = make::text(py, kind.name())?.into_any();
                let parameters = self.path_params(py, &found, raw_path)?.into_any();
                vec![kind, endpoint.bind(py).clone(), route.bind(py).clone(), parameters]
            }
            Found::BadPath(reason) => return Err(new_error::<PyValueError>(reason.to_string())),
            Found::Missing if is_websocket => Vec::new(),
            Found::Undecided | Found::NotAllowed | Found::Missing => self.allowed_names(py, raw_path)?,
        };
        Ok(make::tuple(py, items)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for entry in &self.entries {
            visit.call(&entry.endpoint)?;
            visit.call(&entry.route)?;
        }
        self.converters.iter().try_for_each(|converter| visit.call(converter))?;
        visit.call(&self.fallback)?;
        visit.call(&self.on_exception)?;
        visit.call(&self.options)?;
        [&self.json_encode, &self.json_decode, &self.values, &self.send]
            .into_iter()
            .flatten()
            .try_for_each(|it| visit.call(it))
    }
}

impl Routes {
    /// Creates those of no application, for a request without one.
    pub(super) fn empty(py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        Bound::new(py, Self::new(Vec::new(), py.None(), py.None(), &make::dict(py)?)?)
    }

    /// Returns an endpoint.
    #[inline]
    pub(super) fn entry(&self, place: usize) -> &Entry {
        &self.entries[place]
    }

    /// Returns the application of ASGI's kind that was found.
    #[inline]
    pub(super) fn application(&self, found: &Found) -> Option<&Py<PyAny>> {
        let Found::Entry { place, .. } = found else { return None };
        let entry = &self.entries[*place];
        matches!(entry.kind, Kind::Asgi | Kind::WebSocket).then_some(&entry.endpoint)
    }

    /// Returns the decoded prefix of a mounted application, and the name of the parameter for what follows, if the path
    /// is not the prefix itself.
    pub(super) fn mount(&self, found: &Found, raw_path: &[u8]) -> Option<(String, Option<&Py<PyString>>)> {
        let (Found::Entry { place, captures }, Ok(path)) = (found, Path::new(raw_path)) else { return None };
        let entry = &self.entries[*place];
        // The target `*` is no path of an application that gets everything.
        if entry.kind != Kind::Asgi || (self.rest == Some(*place) && captures.is_empty()) {
            return None;
        }
        let is_rest = |parameter: &&routing::Parameter| parameter.converter == Converter::Path;
        let rest = self.requests.parameters(*place).last().filter(is_rest).and(captures.as_slice().last());
        let prefix = path.before(rest.map_or(usize::MAX, |range| range.indices().start));
        Some((prefix.trim_end_matches('/').to_owned(), rest.and(entry.parameters.last())))
    }

    /// Returns what answers a request, which may ask for a WebSocket, without calling Python.
    #[inline]
    pub(super) fn find(&self, method: &[u8], raw_path: &[u8], is_websocket: bool) -> Found {
        let path = match Path::new(raw_path) {
            Ok(path) => path,
            Err(reason) => return self.undecodable(method, raw_path, is_websocket, reason),
        };
        match self.table(is_websocket).find(method, path.text(), |_, _| Err(())) {
            Ok(Some(found)) => Found::Entry { place: found.entry, captures: found.captures },
            Err(()) => Found::Undecided,
            Ok(None) => self.missing(&path, is_websocket),
        }
    }

    /// Returns what answers a request whose path has no text. The application that gets the rest decides on its own,
    /// unless the path begins like that of another endpoint.
    #[cold]
    fn undecodable(&self, method: &[u8], raw_path: &[u8], is_websocket: bool, reason: BadPath) -> Found {
        let Some(rest) = self.rest else { return Found::BadPath(reason) };
        let decoded = http::percent_decoded(raw_path);
        let shown = String::from_utf8_lossy(&decoded).replace('\0', "\u{fffd}").replace('%', "%25");
        let Ok(path) = Path::new(shown.as_bytes()) else { return Found::BadPath(reason) };
        match self.table(is_websocket).find(method, path.text(), |_, _| Err(())) {
            Ok(Some(found)) if found.entry == rest => {
                Found::Entry { place: rest, captures: Captures::default() }
            }
            _ => Found::BadPath(reason),
        }
    }

    fn table(&self, is_websocket: bool) -> &Table {
        if is_websocket { &self.websockets } else { &self.requests }
    }

    #[cold]
    fn missing(&self, path: &Path<'_>, is_websocket: bool) -> Found {
        if let Some(place) = self.rest {
            return Found::Entry { place, captures: Captures::default() };
        }
        match self.table(is_websocket).allowed(path.text(), |_, _| Err(())) {
            Ok(methods) if methods.is_empty() => Found::Missing,
            Ok(_) => Found::NotAllowed,
            Err(()) => Found::Undecided,
        }
    }

    /// Returns the same by asking the program's converters. An error is what one of them raised, but for ValueError.
    #[cold]
    pub(super) fn resolve(
        &self,
        py: Python<'_>,
        method: &[u8],
        raw_path: &[u8],
        is_websocket: bool,
    ) -> Result<Found, ErrorSet> {
        let path = match Path::new(raw_path) {
            Ok(path) => path,
            Err(reason) => return Ok(Found::BadPath(reason)),
        };
        let table = self.table(is_websocket);
        let accept = |entry: usize, captures: &Captures| self.accepts(py, entry, &path, captures);
        if let Some(found) = table.find(method, path.text(), accept)? {
            return Ok(Found::Entry { place: found.entry, captures: found.captures });
        }
        let is_missing = table.allowed(path.text(), accept)?.is_empty();
        Ok(if is_missing { Found::Missing } else { Found::NotAllowed })
    }

    /// Whether the program's converters accept the parameters of an entry.
    fn accepts(
        &self,
        py: Python<'_>,
        entry: usize,
        path: &Path<'_>,
        captures: &Captures,
    ) -> Result<bool, ErrorSet> {
        for (parameter, range) in self.requests.parameters(entry).iter().zip(captures.as_slice()) {
            if !matches!(parameter.converter, Converter::Custom(_)) {
                continue;
            }
            if let Err(raised) = self.value(py, parameter.converter, &path.value(*range)) {
                let error = raised.take(py);
                return if error.is_instance_of::<PyValueError>(py) { Ok(false) } else { Err(error.into()) };
            }
        }
        Ok(true)
    }

    /// Returns the names of the methods that a path has endpoints for: HEAD among them where GET is.
    pub(super) fn allowed_names<'py>(
        &self,
        py: Python<'py>,
        raw_path: &[u8],
    ) -> Result<Vec<Bound<'py, PyAny>>, ErrorSet> {
        let Ok(path) = Path::new(raw_path) else { return Ok(Vec::new()) };
        let accept = |entry: usize, captures: &Captures| self.accepts(py, entry, &path, captures);
        let methods = self.requests.allowed(path.text(), accept)?;
        methods.names().map(|name| Ok(make::text(py, name)?.into_any())).collect()
    }

    /// Returns the parameters of a path as a dict.
    pub(super) fn path_params<'py>(
        &self,
        py: Python<'py>,
        found: &Found,
        raw_path: &[u8],
    ) -> Result<Bound<'py, PyDict>, ErrorSet> {
        let parameters = make::dict(py)?;
        let (Found::Entry { place, captures }, Ok(path)) = (found, Path::new(raw_path)) else {
            return Ok(parameters);
        };
        let own = self.requests.parameters(*place).iter().zip(&self.entries[*place].parameters);
        for ((parameter, name), range) in own.zip(captures.as_slice()) {
            parameters.set_item(name, self.value(py, parameter.converter, &path.value(*range))?)?;
        }
        Ok(parameters)
    }

    /// Returns the value of a parameter.
    fn value<'py>(
        &self,
        py: Python<'py>,
        converter: Converter,
        text: &str,
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        match converter {
            Converter::Str | Converter::Path => Ok(make::text(py, text)?.into_any()),
            Converter::Int => match text.parse() {
                Ok(number) => make::integer(py, number),
                Err(_) => Ok(py.get_type::<pyo3::types::PyInt>().call1((make::text(py, text)?,))?),
            },
            Converter::Float => match text.parse() {
                Ok(number) => make::float(py, number),
                Err(_) => Err(new_error::<PyValueError>("no float").into()),
            },
            Converter::Uuid => {
                Ok(py.import(name!("uuid"))?.getattr(name!("UUID"))?.call1((make::text(py, text)?,))?)
            }
            Converter::Custom(number) => {
                let Some(own) = self.converters.get(number) else {
                    return Err(new_error::<PyTypeError>("a converter of another application").into());
                };
                let text = make::text(py, text)?;
                call_method(own.bind_borrowed(py), name!("parse"), &[text.as_any().as_borrowed()])
            }
        }
    }
}
