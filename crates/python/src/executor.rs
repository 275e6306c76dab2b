//! The two ends of `run_in_executor`: a concurrent future for the pool, an asyncio future for the loop.
//!
//! asyncio joins them by four Python functions; here one native object is the callback of both. Pools, and the choice
//! of the default one, are Python's.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::arguments::Call;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::handle_object::Flags;
use crate::ffi::handle_pool::{Content, make_handle};
use crate::ffi::make;
use crate::ffi::method::{Method, fastcall};
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::wrong_thread;

pub(crate) fn methods() -> Vec<Method<EventLoop>> {
    vec![Method {
        name: "run_in_executor",
        entry: fastcall(run_in_executor),
        signature: "($self, executor, func, *args)".to_owned(),
        doc: "Call func(*args) in a pool; None stands for the loop's default one. Returns an asyncio.Future.\n\n\
              Context variables are not carried over: asyncio.to_thread() does that. RuntimeError on a closed loop.",
    }]
}

fn run_in_executor<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let state = call.this().value();
    let [executor, function, arguments @ ..] = call.positional() else {
        return call.by_keyword::<EventLoop>("run_in_executor", &["executor", "func"]);
    };
    call.refuse_keywords("run_in_executor")?;
    state.check_open()?;
    if state.modes.any(Modes::DEBUG) {
        wrong_thread::check(state)?;
        call.receiver().call_method1(name!("_check_callback"), (*function, name!("run_in_executor")))?;
    }
    let executor = if executor.is_none() {
        state.imports.hooks.default_executor(py, call.receiver())?
    } else {
        (*executor).to_owned()
    };
    let submitted: Vec<_> =
        std::iter::once(function).chain(arguments).map(|argument| (*argument).to_owned()).collect();
    let source = executor.call_method1(name!("submit"), make::tuple(py, submitted)?)?;
    if source.hasattr(name!("_asyncio_future_blocking"))? {
        return Ok(source);
    }
    let target = call.receiver().call_method0(name!("create_future"))?;
    let owner = call.receiver().to_owned().cast_into::<EventLoop>().map_err(PyErr::from)?;
    let bridge = Bridge {
        ends: GilCell::new(Some(Ends {
            source: source.clone().unbind(),
            target: target.clone().unbind(),
            owner: owner.unbind(),
        })),
    };
    let bridge = Bound::new(py, bridge)?;
    target.call_method1(name!("add_done_callback"), (&bridge,))?;
    source.call_method1(name!("add_done_callback"), (&bridge,))?;
    Ok(target)
}

/// The callback of both futures, and of the handle that is posted from one thread to the other.
#[pyclass(frozen, immutable_type, module = "vitok._native")]
struct Bridge {
    ends: GilCell<Option<Ends>>,
}

struct Ends {
    source: Py<PyAny>,
    target: Py<PyAny>,
    owner: Py<EventLoop>,
}

#[pymethods]
impl Bridge {
    /// With the pool's future: it is done, in any thread. With the loop's: it is done, perhaps by `cancel()`. With
    /// `None`: this is the loop's thread, and the result is to be copied.
    fn __call__(slf: &Bound<'_, Self>, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let ends = slf.get().ends.with(py, |ends| ends.as_ref().map(|ends| ends.clone_ref(py)));
        let Some(ends) = ends else { return Ok(()) };
        if future.is(&ends.source) {
            return ends.cross(slf);
        }
        if future.is(&ends.target) {
            if ends.target.bind(py).call_method0(name!("cancelled"))?.is_truthy()? {
                ends.source.bind(py).call_method0(name!("cancel"))?;
            }
            return Ok(());
        }
        let finished = slf.get().ends.with(py, Option::take);
        drop(finished);
        ends.copy_result(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.ends
            .peek(|ends| match ends {
                Some(ends) => {
                    visit.call(&ends.source)?;
                    visit.call(&ends.target)?;
                    visit.call(&ends.owner)
                }
                None => Ok(()),
            })
            .unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let ends = self.ends.with(py, Option::take);
        drop(ends);
    }
}

impl Ends {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            source: self.source.clone_ref(py),
            target: self.target.clone_ref(py),
            owner: self.owner.clone_ref(py),
        }
    }

    /// Posts a call with `None` from the pool's thread to the loop's thread. A closed loop is ignored.
    fn cross(&self, bridge: &Bound<'_, Bridge>) -> PyResult<()> {
        let py = bridge.py();
        let owner = self.owner.bind(py);
        let state = owner.get();
        if state.modes.any(Modes::CLOSED) {
            return Ok(());
        }
        let none = py.None().into_bound(py);
        let content = Content {
            callback: bridge.as_any().as_borrowed(),
            arguments: &[none.as_borrowed()],
            context: None,
            flags: Flags::NONE,
            when: 0.0,
            tracked: true,
        };
        let handle = make_handle(owner.into(), content).map_err(|raised| raised.take(py))?;
        state.post(py, handle)
    }

    /// Copies the result of the pool's future to the loop's, in the loop's thread.
    fn copy_result(&self, py: Python<'_>) -> PyResult<()> {
        let source = self.source.bind(py);
        let target = self.target.bind(py);
        if target.call_method0(name!("done"))?.is_truthy()? {
            return Ok(());
        }
        if source.call_method0(name!("cancelled"))?.is_truthy()? {
            target.call_method0(name!("cancel"))?;
            return Ok(());
        }
        let error = source.call_method0(name!("exception"))?;
        if error.is_none() {
            target.call_method1(name!("set_result"), (source.call_method0(name!("result"))?,))?;
            return Ok(());
        }
        let state = self.owner.bind(py).get();
        let error = state.imports.hooks.translate_exception(py, error)?;
        target.call_method1(name!("set_exception"), (error,))?;
        Ok(())
    }
}
