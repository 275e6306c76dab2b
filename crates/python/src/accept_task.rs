//! The task that a new connection has for two turns of the loop: cancelled, it closes the connection.
//!
//! asyncio accepts in a task, which lasts until the protocol's own task has taken its first step. A program that cancels all
//! tasks in that moment, and then waits until the server is closed, relies on it: the protocol's task never ran, so nobody
//! else would close the connection. Here the connection is made at once, and the task is there for its end alone.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::ffi::answer::none;
use crate::ffi::class::Getter;
use crate::ffi::coroutine::{Coroutine, CoroutineClass, CoroutineType, Step, value_of};
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::ffi::native::Visit;
use crate::ffi::object::Object;
use crate::ffi::owned::Owned;
use crate::ffi::raised::Raised;
use crate::loop_state::EventLoop;
use crate::{getter, name, represent};

/// What asyncio calls it.
const NAME: &str = "_accept_connection2";

/// The coroutine of the task.
struct AcceptTask {
    stage: Owned<Stage>,
}

enum Stage {
    /// Not stepped yet.
    Created(Object),
    /// Stepped once: the protocol's own task has been stepped, too.
    Yielded(Object),
    Finished,
}

static CLASS: PyOnceLock<CoroutineType<AcceptTask>> = PyOnceLock::new();

/// Makes the class.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = CoroutineType::make_hidden(
        module,
        CoroutineClass {
            name: "AcceptTask",
            doc: "The coroutine of the task that a new connection has for two turns.",
            getters: getters(),
            represent: represent!(representation),
        },
    )?;
    CLASS.get_or_init(module.py(), || class);
    Ok(())
}

/// Gives a new connection its task, by the loop's own `create_task`.
pub(crate) fn start(owner: &Bound<'_, EventLoop>, transport: Bound<'_, PyAny>) -> Result<(), Raised> {
    let py = owner.py();
    let class = CLASS.get(py).ok_or_else(|| new_error::<PyTypeError>("vitok._native was not initialised"))?;
    let stage = Owned::new(Stage::Created(transport.into()));
    let coroutine = class.instance(py, AcceptTask { stage })?;
    owner.call_method1(name!("create_task"), (coroutine,))?;
    Ok(())
}

impl Coroutine for AcceptTask {
    fn step(object: Argument<'_>, _sends_none: bool) -> Result<Step<'_>, Raised> {
        let py = object.py();
        let before = value_of::<Self>(object).stage.with(py, |stage| {
            let before = std::mem::replace(stage, Stage::Finished);
            if let Stage::Created(transport) = &before {
                *stage = Stage::Yielded(transport.clone_ref(py));
            }
            before
        });
        match before {
            // Without a future: stepped again in the next turn.
            Stage::Created(_) => Ok(Step::Yield(none(py))),
            Stage::Yielded(_) => Ok(Step::Return(none(py))),
            Stage::Finished => {
                Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into())
            }
        }
    }

    fn abandon(object: Argument<'_>) -> bool {
        let py = object.py();
        let (Stage::Created(transport) | Stage::Yielded(transport)) = value_of::<Self>(object).take(py)
        else {
            return false;
        };
        if let Err(error) = transport.bind(py).call_method0(name!("close")) {
            error.write_unraisable(py, Some(&object));
        }
        true
    }

    fn visit(&self, visit: &mut Visit) {
        self.stage.peek(|stage| match stage {
            Stage::Created(transport) | Stage::Yielded(transport) => visit.object(transport),
            Stage::Finished => {}
        });
    }

    fn clear(&self, py: Python<'_>) {
        drop(self.take(py));
    }

    /// A task that never ran is warned of by asyncio.
    fn forgotten(&self, _py: Python<'_>) -> Option<&'static str> {
        None
    }
}

impl AcceptTask {
    fn take(&self, py: Python<'_>) -> Stage {
        self.stage.with(py, |stage| std::mem::replace(stage, Stage::Finished))
    }
}

fn getters() -> Vec<Getter> {
    vec![getter!("__name__", name_of), getter!("__qualname__", name_of)]
}

fn name_of(object: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::text(object.py(), NAME)?.into_any())
}

fn representation(object: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let text = format!("<coroutine object {NAME} at {:#x}>", object.as_ptr().addr());
    Ok(make::text(object.py(), &text)?.into_any())
}
