//! Whether a program has replaced something that asyncio's `create_connection` uses: a method of the loop, or the class
//! `socket.socket`, which proxies and test tools put another class in place of, or methods of that class.
//!
//! A method is replaced on an instance (`is_replaceable` lets the loop notice the assignment), in a subclass, or on the
//! class itself. The interpreter gives each state of a class a number of its own, so that a class that was found
//! unchanged need not be asked again.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use crate::ffi::interpreter::class_version;
use crate::ffi::name::Text;
use crate::ffi::socket_object::socket_class;
use crate::ffi::this::Borrowed;
use crate::name;

/// The methods that asyncio's `create_connection` calls for a literal address.
const METHODS: [&str; 5] = [
    "_connect_sock",
    "_create_connection_transport",
    "_ensure_resolved",
    "_make_socket_transport",
    "sock_connect",
];

/// The methods that `socket.socket` inherits and asyncio calls; test tools that forbid connections replace them.
const SOCKET_METHODS: [&str; 2] = ["connect", "setblocking"];

/// What is used if nothing was replaced.
struct Known {
    /// The methods of `vitok.Loop`; None for one that this version of Python does not have.
    methods: Methods<{ METHODS.len() }>,
    socket_methods: Methods<{ SOCKET_METHODS.len() }>,
    /// The dict of `asyncio.base_events`, whose name `socket` tests replace.
    base_events: Py<PyDict>,
    socket_module: Py<PyModule>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

type Methods<const N: usize> = [Option<Py<PyAny>>; N];

/// The number of the last class of a loop that was found to have these methods, or 0.
static UNCHANGED: AtomicU32 = AtomicU32::new(0);

/// The same for `socket.socket`.
static UNCHANGED_SOCKET: AtomicU32 = AtomicU32::new(0);

/// Remembers the methods of the loop's class.
#[pyfunction]
pub(crate) fn know_loop_class(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let methods = methods_of(class, METHODS)?;
    // A program may have replaced them in `socket.socket` before this, but not in its base, which is written in C.
    let base = py.import(name!("_socket"))?.getattr(name!("socket"))?.cast_into::<PyType>()?;
    let socket_methods = methods_of(&base, SOCKET_METHODS)?;
    let base_events = py.import(name!("asyncio.base_events"))?.dict().unbind();
    let socket_module = py.import(name!("socket"))?.unbind();
    KNOWN.get_or_init(py, || Known { methods, socket_methods, base_events, socket_module });
    Ok(())
}

fn methods_of<const N: usize>(class: &Bound<'_, PyType>, names: [&str; N]) -> PyResult<Methods<N>> {
    let mut methods = [const { None }; N];
    for (place, name) in methods.iter_mut().zip(names) {
        *place = class.getattr_opt(Text(name))?.map(Bound::unbind);
    }
    Ok(methods)
}

/// Returns whether the class has other methods than the known ones.
fn is_changed<const N: usize>(
    class: &Bound<'_, PyType>,
    names: [&str; N],
    known: &Methods<N>,
    unchanged: &AtomicU32,
) -> PyResult<bool> {
    let version = class_version(class);
    if version != 0 && version == unchanged.load(Ordering::Relaxed) {
        return Ok(false);
    }
    for (method, name) in known.iter().zip(names) {
        let found = class.getattr_opt(Text(name))?;
        if found.as_ref().map(Bound::as_ptr) != method.as_ref().map(Py::as_ptr) {
            return Ok(true);
        }
    }
    // Another thread may have changed the class during the look-up; then the next call looks again.
    if version != 0 && version == class_version(class) {
        unchanged.store(version, Ordering::Relaxed);
    }
    Ok(false)
}

/// Returns whether an attribute of this name, assigned on a loop, would be called by asyncio's `create_connection`.
pub(crate) fn is_replaceable(name: &Bound<'_, PyAny>) -> bool {
    name.cast::<PyString>().is_ok_and(|name| name.to_str().is_ok_and(|name| METHODS.contains(&name)))
}

/// Returns whether the class of the loop has other methods, or sockets have another class or other methods.
pub(super) fn is_replaced(owner: Borrowed<'_>) -> PyResult<bool> {
    let py = owner.py();
    let Some(known) = KNOWN.get(py) else { return Ok(true) };
    if is_changed(&owner.get_type(), METHODS, &known.methods, &UNCHANGED)? {
        return Ok(true);
    }
    let module = known.socket_module.bind(py);
    let used = known.base_events.bind(py).get_item(name!("socket"))?;
    if !used.is_some_and(|used| used.is(module)) {
        return Ok(true);
    }
    let Ok(standard) = socket_class(py) else { return Ok(true) };
    if !module.dict().get_item(name!("socket"))?.is_some_and(|class| class.is(standard)) {
        return Ok(true);
    }
    is_changed(standard, SOCKET_METHODS, &known.socket_methods, &UNCHANGED_SOCKET)
}
