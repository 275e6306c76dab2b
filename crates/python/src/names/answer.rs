//! A coroutine that has its result, or its exception, from the start: it ends with its first step.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use crate::ffi::class::Definition;
use crate::ffi::coroutine::{self, Coroutine, Step, warn_of_forgotten};
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;

/// The coroutine.
struct Answer {
    name: &'static str,
    /// Absent once the coroutine has ended.
    outcome: GilCell<Option<PyResult<Object>>>,
}

/// Creates the class.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition {
        is_hidden: true,
        ..Definition::new("NameAnswer", "A coroutine of getaddrinfo() or getnameinfo() that has its result.")
    };
    coroutine::make_class(module, Answer::class(), definition).map(drop)
}

/// Creates a coroutine that ends with this outcome.
pub(super) fn make<'py>(
    py: Python<'py>,
    name: &'static str,
    outcome: Result<Bound<'py, PyAny>, ErrorSet>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let outcome = outcome.map(Object::from).map_err(|raised| raised.take(py));
    Ok(Answer::class().instance(py, Answer { name, outcome: GilCell::new(Some(outcome)) })?.into_any())
}

impl Coroutine for Answer {
    fn step(answer: This<'_, Self>, sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = answer.py();
        if !sends_none {
            return Err(
                new_error::<PyTypeError>("can't send non-None value to a just-started coroutine").into()
            );
        }
        match answer.outcome.with(py, Option::take) {
            Some(outcome) => Ok(Step::Return(outcome?.into_bound(py))),
            None => Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into()),
        }
    }

    fn abandon(answer: This<'_, Self>) -> bool {
        let outcome = answer.outcome.with(answer.py(), Option::take);
        outcome.is_some()
    }

    fn qualified_name(answer: This<'_, Self>) -> &'static str {
        answer.name
    }
}

impl ClassValue for Answer {
    type Head = Weak;

    one_class!(Answer);

    fn visit(&self, visit: &mut Visit) {
        self.outcome.peek(|outcome| {
            if let Some(Ok(result)) = outcome {
                visit.object(result);
            }
        });
    }

    /// A result is made of tuples, texts and numbers, so that no cycle goes through it.
    fn clear(&self, _py: Python<'_>) {}

    fn on_dealloc(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        match self.outcome.with(py, |outcome| outcome.is_some()) {
            true => warn_of_forgotten(py, self.name),
            false => Ok(()),
        }
    }
}
