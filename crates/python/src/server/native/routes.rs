//! `Routes`: the compiled form of an application, and which of its endpoints answers a request.

use std::collections::HashMap;
use std::ops::Range;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// How an endpoint is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `endpoint(request)` returns a value.
    Plain,
    /// `endpoint(request)` returns a coroutine of a value.
    Async,
    /// `endpoint(scope, receive, send)`, as ASGI has it.
    Asgi,
    /// The same for a WebSocket.
    WebSocket,
}

/// One endpoint.
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) endpoint: Py<PyAny>,
    /// The route as Python knows it.
    pub(super) route: Py<PyAny>,
    /// In capitals, as they are sent; `None` for all.
    methods: Option<Vec<String>>,
    parameters: Vec<Py<PyString>>,
}

/// What was found for a method and a path.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// An endpoint, by its place, and the values of its parameters in the path.
    Entry { place: usize, values: Vec<Range<usize>> },
    /// Endpoints for other methods only.
    NotAllowed,
    /// No endpoint.
    Missing,
}

enum Segment {
    Literal(String),
    One,
    Rest,
}

/// The routes of an application, with its functions for everything else.
#[pyclass(frozen, immutable_type, module = "vitok._native", name = "Routes")]
pub(crate) struct Routes {
    entries: Vec<Entry>,
    fixed: HashMap<Vec<u8>, Vec<usize>>,
    shapes: Vec<(Vec<Segment>, usize)>,
    /// `fallback(request, allowed)` for a request without a route.
    pub(super) fallback: Py<PyAny>,
    /// `on_exception(request, exception)`.
    pub(super) on_exception: Py<PyAny>,
    /// Makes JSON of a value.
    pub(super) json_encode: Option<Py<PyAny>>,
    /// Makes of a value one that is known natively.
    pub(super) values: Option<Py<PyAny>>,
    /// Sends a response that has a source.
    pub(super) send: Option<Py<PyAny>>,
}

type Row = (String, Option<Vec<String>>, String, Py<PyAny>, Py<PyAny>);

#[pymethods]
impl Routes {
    /// Compiles an application. ValueError for a shape or kind that is none.
    #[new]
    fn new(
        py: Python<'_>,
        entries: Vec<Row>,
        fallback: Py<PyAny>,
        on_exception: Py<PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let option =
            |name| Ok::<_, PyErr>(options.get_item(name)?.filter(|it| !it.is_none()).map(Bound::unbind));
        let mut routes = Self {
            entries: Vec::new(),
            fixed: HashMap::new(),
            shapes: Vec::new(),
            fallback,
            on_exception,
            json_encode: option(name!("json_encode"))?,
            values: option(name!("values"))?,
            send: option(name!("send"))?,
        };
        for row in entries {
            routes.add(py, row)?;
        }
        Ok(routes)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for entry in &self.entries {
            visit.call(&entry.endpoint)?;
            visit.call(&entry.route)?;
        }
        visit.call(&self.fallback)?;
        visit.call(&self.on_exception)?;
        [&self.json_encode, &self.values, &self.send].into_iter().flatten().try_for_each(|it| visit.call(it))
    }
}

impl Routes {
    fn add(&mut self, py: Python<'_>, row: Row) -> PyResult<()> {
        let (shape, methods, kind, endpoint, route) = row;
        let kind = match kind.as_str() {
            "plain" => Kind::Plain,
            "async" => Kind::Async,
            "asgi" => Kind::Asgi,
            "websocket" => Kind::WebSocket,
            other => return Err(new_error::<PyValueError>(format!("{other:?} is no kind of an endpoint"))),
        };
        let place = self.entries.len();
        let mut parameters = Vec::new();
        if shape.contains('{') {
            let mut segments = Vec::new();
            for part in shape.split('/').skip(1) {
                segments.push(match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                    None => Segment::Literal(part.to_owned()),
                    Some(inner) => {
                        let (name, converter) = inner.split_once(':').unwrap_or((inner, "str"));
                        parameters.push(make::interned(py, name)?.unbind());
                        if converter == "path" { Segment::Rest } else { Segment::One }
                    }
                });
            }
            self.shapes.push((segments, place));
        } else {
            self.fixed.entry(shape.into_bytes()).or_default().push(place);
        }
        self.entries.push(Entry { kind, endpoint, route, methods, parameters });
        Ok(())
    }

    /// Returns an endpoint.
    #[inline]
    pub(super) fn entry(&self, place: usize) -> &Entry {
        &self.entries[place]
    }

    /// Returns what answers a request, which may ask for a WebSocket.
    #[inline]
    pub(super) fn find(&self, method: &[u8], path: &[u8], is_websocket: bool) -> Found {
        let mut found = Found::Missing;
        for &place in self.fixed.get(path).into_iter().flatten() {
            if !self.entries[place].is_for(is_websocket) {
                continue;
            }
            if self.entries[place].takes(method) {
                return Found::Entry { place, values: Vec::new() };
            }
            found = Found::NotAllowed;
        }
        for (segments, place) in &self.shapes {
            let Some(values) = matched(segments, path) else { continue };
            if !self.entries[*place].is_for(is_websocket) {
                continue;
            }
            if self.entries[*place].takes(method) {
                return Found::Entry { place: *place, values };
            }
            found = Found::NotAllowed;
        }
        found
    }

    /// Returns the methods that a path has endpoints for.
    pub(super) fn allowed(&self, path: &[u8]) -> Vec<&str> {
        let fixed = self.fixed.get(path).into_iter().flatten().copied();
        let shaped = self.shapes.iter().filter(|(segments, _)| matched(segments, path).is_some());
        let places = fixed.chain(shaped.map(|(_, place)| *place));
        let mut allowed: Vec<&str> = places
            .flat_map(|place| self.entries[place].methods.iter().flatten())
            .map(String::as_str)
            .collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.push("OPTIONS");
        allowed.sort_unstable();
        allowed.dedup();
        allowed
    }

    /// Returns the application of ASGI's kind that was found.
    #[inline]
    pub(super) fn application(&self, found: &Found) -> Option<&Py<PyAny>> {
        let Found::Entry { place, .. } = found else { return None };
        let entry = &self.entries[*place];
        matches!(entry.kind, Kind::Asgi | Kind::WebSocket).then_some(&entry.endpoint)
    }

    /// Returns the last parameter of a mounted application, which is what follows its prefix: the name, and where it
    /// begins in the path.
    pub(super) fn rest_of_mount(&self, found: &Found) -> Option<(&Py<PyString>, usize)> {
        let Found::Entry { place, values } = found else { return None };
        let entry = &self.entries[*place];
        let last = entry.parameters.last().filter(|_| entry.kind == Kind::Asgi)?;
        Some((last, values.last()?.start))
    }

    /// Returns the parameters of a path as a dict.
    pub(super) fn path_params<'py>(
        &self,
        py: Python<'py>,
        found: &Found,
        path: &[u8],
    ) -> Result<Bound<'py, PyDict>, ErrorSet> {
        let parameters = make::dict(py)?;
        let Found::Entry { place, values } = found else { return Ok(parameters) };
        for (name, range) in self.entries[*place].parameters.iter().zip(values) {
            let decoded = http::percent_decoded(path.get(range.clone()).unwrap_or_default());
            parameters.set_item(name, make::decoded(py, &decoded)?)?;
        }
        Ok(parameters)
    }
}

impl Entry {
    /// Returns whether it is for requests that ask for a WebSocket, or for those that do not.
    fn is_for(&self, is_websocket: bool) -> bool {
        match self.kind {
            Kind::Asgi => true,
            Kind::WebSocket => is_websocket,
            Kind::Plain | Kind::Async => !is_websocket,
        }
    }

    fn takes(&self, method: &[u8]) -> bool {
        let Some(methods) = &self.methods else { return true };
        let is_named = |name: &[u8]| methods.iter().any(|known| known.as_bytes() == name);
        is_named(method) || (method == b"HEAD" && is_named(b"GET"))
    }
}

fn matched(segments: &[Segment], path: &[u8]) -> Option<Vec<Range<usize>>> {
    let (mut values, mut start) = (Vec::new(), 1);
    for segment in segments {
        if start > path.len() {
            return None;
        }
        let length = path[start..].iter().position(|byte| *byte == b'/').unwrap_or(path.len() - start);
        match segment {
            Segment::Literal(text) if path[start..start + length] == *text.as_bytes() => {}
            Segment::Literal(_) => return None,
            Segment::One if length > 0 => values.push(start..start + length),
            Segment::One => return None,
            Segment::Rest => {
                values.push(start..path.len());
                return Some(values);
            }
        }
        start += length + 1;
    }
    (start > path.len()).then_some(values)
}
