//! Attributes that a program sets on its loop, and that the native code has to know of: `time`, the methods that
//! `create_connection` uses, and `slow_callback_duration`. All others are Python's alone.

use pyo3::PyTypeInfo;
use pyo3::prelude::*;

use crate::ffi::interpreter::set_attribute;
use crate::loop_state::{EventLoop, Modes};
use crate::{connect, name};

/// Sets an attribute (`__setattr__`).
pub(crate) fn set(
    this: &Bound<'_, EventLoop>,
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    set_attribute(this.as_any(), name, Some(value)).map_err(|raised| raised.take(this.py()))?;
    if name.eq(name!("time"))? {
        this.get().modes.set(Modes::OWN_TIME, true);
    } else if name.eq(name!("slow_callback_duration"))? {
        // A value that is no number makes every callback slow: the report in Python compares it and raises, as asyncio
        // does.
        this.get().counters.set_slow(value.extract().unwrap_or(0.0));
    } else if connect::is_replaceable(name) {
        this.get().modes.set(Modes::OWN_CONNECT, true);
    }
    Ok(())
}

/// Deletes an attribute (`__delattr__`).
pub(crate) fn delete(this: &Bound<'_, EventLoop>, name: &Bound<'_, PyAny>) -> PyResult<()> {
    set_attribute(this.as_any(), name, None).map_err(|raised| raised.take(this.py()))?;
    if name.eq(name!("time"))? {
        this.get().modes.set(Modes::OWN_TIME, overrides_time(this)?);
    }
    Ok(())
}

/// Returns whether the class of the loop overrides `time`.
fn overrides_time(this: &Bound<'_, EventLoop>) -> PyResult<bool> {
    let py = this.py();
    Ok(!this.get_type().getattr(name!("time"))?.is(&EventLoop::type_object(py).getattr(name!("time"))?))
}
