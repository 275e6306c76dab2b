//! `vitok._native.ReadPipeTransport` and `WritePipeTransport` as Python sees them.

use pyo3::prelude::*;

use super::read::ask_protocol;
use super::state::{CLASSES, Inner, Pipe};
use super::write;
use crate::ffi::arguments::one;
use crate::ffi::constants::{none, truth};
use crate::ffi::getter::{Getter, getter, property};
use crate::ffi::method::{Call, fastcall, no_arguments};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::transport::{
    checked, close, definition, held, method, number, reading_getters, reading_methods, writing_getters,
    writing_methods,
};

/// Creates both classes and adds them to the module.
pub(crate) fn make_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let doc = "The reading end of a pipe: asyncio.ReadTransport, native.";
    let mut reader = definition::<Inner>(py, "ReadPipeTransport", doc, &["ReadTransport"])?;
    reader.methods.extend(reading_methods());
    reader.methods.push(method(
        "_ask_protocol",
        no_arguments(|pipe| ask_protocol(pipe).map(|()| none(pipe.py()))),
        "($self)",
        "Call eof_received() at the end of a terminal's input, and close unless the protocol reads on; for the loop.",
    ));
    reader.getters.extend(reading_getters().into_iter().chain(getters()));
    reader.make(module, &CLASSES[0])?;

    let doc = "The writing end of a pipe: asyncio.WriteTransport, native.";
    let mut writer = definition::<Inner>(py, "WritePipeTransport", doc, &["_FlowControlMixin"])?;
    writer.methods.extend(writing_methods());
    writer.methods.extend([
        method(
            "write",
            fastcall(write_one),
            "($self, data)",
            "Write bytes; they leave at the end of the loop's turn.",
        ),
        method(
            "write_eof",
            no_arguments(|pipe| checked(pipe).and_then(|()| close(pipe)).map(|()| none(pipe.py()))),
            "($self)",
            "Write buffered bytes, then close: a pipe has one direction.",
        ),
        method(
            "can_write_eof",
            no_arguments(|pipe: This<'_, Pipe>| Ok(truth(pipe.py(), true))),
            "($self)",
            "Return True: closing a pipe ends it for its reader.",
        ),
    ]);
    writer.getters.extend(writing_getters().into_iter().chain(getters()));
    writer.make(module, &CLASSES[1])?;
    Ok(())
}

fn getters() -> [Getter<Pipe>; 3] {
    [
        property("_pipe", |pipe| held(pipe, |inner: &mut Inner| inner.file.as_ref()), assign_file),
        getter("_fileno", number),
        getter("_extra", |pipe| held(pipe, |inner: &mut Inner| Some(&inner.extra))),
    ]
}

/// Replaces the file: asyncio's own tests set None for a file that they have closed themselves, to avoid a warning.
fn assign_file(pipe: This<'_, Pipe>, file: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let file = file.filter(|file| !file.is_none()).map(Object::from);
    let before = pipe.inner.with(pipe.py(), |inner| std::mem::replace(&mut inner.file, file));
    drop(before);
    Ok(())
}

fn write_one<'py>(call: &Call<'py, Pipe>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    checked(call.this())?;
    write::write(call.this(), one(call, "write", "data")?)?;
    Ok(none(call.py))
}
