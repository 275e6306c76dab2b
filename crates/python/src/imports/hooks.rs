//! The functions of `vitok._hooks`, which the native code calls once per run, failure or close.
//!
//! They are loaded, and their arguments are checked, when the module is imported: a name that is misspelled on either
//! side is an ImportError. Their effects are defined in Python.

use pyo3::prelude::*;

use super::attributes::{attribute, unusable};
use crate::ffi::name::Text;
use crate::name;

const MODULE: &str = "vitok._hooks";

/// Defines the struct, its loading, and a method for each function that calls it.
macro_rules! hooks {
    ($($(#[$doc:meta])* fn $hook:ident($($argument:ident),*);)*) => {
        /// The functions, by their names in Python.
        pub(crate) struct Hooks {
            module: Py<PyModule>,
            /// Whether `create_task` passes any keyword on to the task: from 3.13.3.
            pub(crate) tasks_take_keywords: bool,
            /// Whether the stream readers of this Python are fed natively.
            pub(crate) feeds_readers: bool,
            $($hook: Py<PyAny>,)*
        }

        impl Hooks {
            /// Loads the functions. ImportError for one that is missing or takes other arguments.
            pub(crate) fn load(py: Python<'_>) -> PyResult<Self> {
                Ok(Self {
                    tasks_take_keywords: attribute(py, MODULE, "TASKS_TAKE_KEYWORDS")?.is_truthy()?,
                    feeds_readers: attribute(py, MODULE, "FEEDS_READERS")?.is_truthy()?,
                    $($hook: function(py, stringify!($hook), &[$(stringify!($argument)),*])?,)*
                    module: py.import(Text(MODULE))?.unbind(),
                })
            }

            $($(#[$doc])*
            pub(crate) fn $hook<'py>(
                &self,
                py: Python<'py>,
                $($argument: impl IntoPyObject<'py>),*
            ) -> PyResult<Bound<'py, PyAny>> {
                self.$hook.bind(py).call1(($($argument,)*))
            })*
        }
    };
}

hooks! {
    // Callbacks.
    fn describe_failure(owner, handle, callback, arguments, error);
    fn report_slow_callback(owner, handle, seconds);
    // Descriptors.
    fn descriptor_of(file);
    fn descriptor_or_none(file);
    // Pipes.
    fn reads_on(protocol);
    // Runs.
    fn in_main_thread();
    fn close_inherited(owner);
    fn close_again(owner, handlers);
    // Executors.
    fn default_executor(owner);
    fn translate_exception(error);
    // Sockets and transports.
    fn report_accept_failure(owner, socket, error);
    fn transport_socket(socket);
    fn socket_of(socket_class, descriptor);
    fn closed_socket(socket_class);
    fn pause_for_reader(reader);
    fn warn_of_lost_writes();
    fn warn_of_lost_pipe_writes();
    fn warn_of_resource(text, category, source);
    fn log_network_error(transport, message, error);
    // TLS.
    fn log_handshake(transport, seconds);
    fn log_end_of_peer(transport);
    fn warn_of_lost_tls_writes();
    fn warn_of_half_open_tls();
}

impl Hooks {
    /// Returns whether the interpreter, which empties all modules at its end, has emptied this one.
    pub(crate) fn are_emptied(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.module.bind(py).getattr(name!("close_inherited"))?.is_none())
    }
}

/// Returns a function of the module that takes these arguments.
fn function(py: Python<'_>, name: &str, given: &[&str]) -> PyResult<Py<PyAny>> {
    let found = attribute(py, MODULE, name)?;
    if !found.is_callable() {
        return Err(unusable(MODULE, name, "is not callable"));
    }
    // Only functions written in Python have a count of arguments.
    if let Some(code) = found.getattr_opt(name!("__code__"))? {
        let taken: usize = code.getattr(name!("co_argcount"))?.extract()?;
        if taken != given.len() {
            let fault = format!("takes {taken} arguments instead of ({})", given.join(", "));
            return Err(unusable(MODULE, name, &fault));
        }
    }
    Ok(found.unbind())
}
