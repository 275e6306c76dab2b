//! The one table of what the extension takes from Python's own modules, filled at the first loop.
//!
//! Names that tools are known to replace at run time (`asyncio.tasks.Task`) are looked up at each use through the
//! module's dict, which is what is kept here.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use crate::ffi::error::new_error;
use crate::ffi::handle_pool::HandleTypes;
use crate::ffi::method::Keyword;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

pub(crate) struct Imports {
    pub(crate) handle_types: HandleTypes,
    /// `asyncio.Handle`, `asyncio.TimerHandle` and, from 3.14, the handle of `call_soon_threadsafe`.
    pub(crate) handle: Py<PyType>,
    pub(crate) timer_handle: Py<PyType>,
    pub(crate) threadsafe_handle: Py<PyType>,
    /// Whether `cancel()` of a thread-safe handle waits for a callback that runs: from 3.14.
    pub(crate) threadsafe_cancel_waits: bool,
    /// The dicts of `asyncio.tasks` and `asyncio.futures`, and asyncio's own C classes.
    pub(crate) tasks: Py<PyDict>,
    pub(crate) futures: Py<PyDict>,
    pub(crate) c_task: Option<Py<PyAny>>,
    pub(crate) c_future: Option<Py<PyAny>>,
    pub(crate) eager_task_factory: Option<Py<PyAny>>,
    /// Whether `create_task` hands any keyword on to the task: from 3.13.3.
    pub(crate) tasks_take_keywords: bool,
    pub(crate) base_loop: Py<PyType>,
    pub(crate) buffered_protocol: Py<PyType>,
    pub(crate) socket: Py<PyType>,
    pub(crate) deque: Py<PyAny>,
    pub(crate) extract_stack: Py<PyAny>,
    pub(crate) get_frame: Py<PyAny>,
    pub(crate) thread_calls: ThreadCalls,
    /// `vitok._hooks`: what is rare enough to be said in Python.
    pub(crate) hooks: Py<PyAny>,
    pub(crate) names: Names,
}

/// What a run asks of the thread and tells it, by the modules that hold the functions: a program may replace one, and then
/// asyncio calls the new one too. Their own are C functions all, within which no handler of a signal can run.
pub(crate) struct ThreadCalls {
    pub(crate) sys: Py<PyModule>,
    pub(crate) events: Py<PyModule>,
    pub(crate) constants: Py<PyModule>,
    pub(crate) signal: Py<PyModule>,
}

impl ThreadCalls {
    fn load(py: Python<'_>) -> PyResult<Self> {
        Ok(Self {
            sys: py.import(name!("sys"))?.unbind(),
            events: py.import(name!("asyncio.events"))?.unbind(),
            constants: py.import(name!("asyncio.constants"))?.unbind(),
            signal: py.import(name!("signal"))?.unbind(),
        })
    }
}

/// Interned names that the hot path compares by address.
pub(crate) struct Names {
    pub(crate) context: Keyword,
    pub(crate) eager_start: Keyword,
    pub(crate) task: Py<PyString>,
    pub(crate) future: Py<PyString>,
    pub(crate) time: Py<PyString>,
    pub(crate) run_once: Py<PyString>,
    pub(crate) protocol: ProtocolNames,
    pub(crate) sock: SockNames,
}

/// What waiting on a socket object asks of it, of a future and of the loop.
pub(crate) struct SockNames {
    pub(crate) accept: Py<PyString>,
    pub(crate) recv_into: Py<PyString>,
    pub(crate) recvfrom: Py<PyString>,
    pub(crate) recvfrom_into: Py<PyString>,
    pub(crate) send: Py<PyString>,
    pub(crate) sendto: Py<PyString>,
    pub(crate) connect: Py<PyString>,
    pub(crate) create_future: Py<PyString>,
    pub(crate) is_blocking: Py<PyString>,
    pub(crate) set_result: Py<PyString>,
    pub(crate) done: Py<PyString>,
}

impl SockNames {
    fn load(py: Python<'_>) -> Result<Self, ErrorSet> {
        Ok(Self {
            accept: name!("accept").kept(py)?,
            recv_into: name!("recv_into").kept(py)?,
            recvfrom: name!("recvfrom").kept(py)?,
            recvfrom_into: name!("recvfrom_into").kept(py)?,
            send: name!("send").kept(py)?,
            sendto: name!("sendto").kept(py)?,
            connect: name!("connect").kept(py)?,
            create_future: name!("create_future").kept(py)?,
            is_blocking: name!("_asyncio_future_blocking").kept(py)?,
            set_result: name!("set_result").kept(py)?,
            done: name!("done").kept(py)?,
        })
    }
}

/// The methods of protocols, and of what else is told of a connection.
pub(crate) struct ProtocolNames {
    pub(crate) connection_made: Py<PyString>,
    pub(crate) connection_lost: Py<PyString>,
    pub(crate) data_received: Py<PyString>,
    pub(crate) eof_received: Py<PyString>,
    pub(crate) get_buffer: Py<PyString>,
    pub(crate) buffer_updated: Py<PyString>,
    pub(crate) datagram_received: Py<PyString>,
    pub(crate) error_received: Py<PyString>,
    pub(crate) pause_writing: Py<PyString>,
    pub(crate) resume_writing: Py<PyString>,
    /// Of servers: a connection has come, a connection is gone.
    pub(crate) attach: Py<PyString>,
    pub(crate) detach: Py<PyString>,
    /// Of contexts.
    pub(crate) copy: Py<PyString>,
}

static IMPORTS: PyOnceLock<Imports> = PyOnceLock::new();
static HANDLE_TYPES: PyOnceLock<HandleTypes> = PyOnceLock::new();

/// Keeps the classes of handles, which the module makes when it is imported.
pub(crate) fn keep_handle_types(py: Python<'_>, types: HandleTypes) {
    HANDLE_TYPES.get_or_init(py, || types);
}

impl ProtocolNames {
    fn load(py: Python<'_>) -> Result<Self, ErrorSet> {
        Ok(Self {
            connection_made: name!("connection_made").kept(py)?,
            connection_lost: name!("connection_lost").kept(py)?,
            data_received: name!("data_received").kept(py)?,
            eof_received: name!("eof_received").kept(py)?,
            get_buffer: name!("get_buffer").kept(py)?,
            buffer_updated: name!("buffer_updated").kept(py)?,
            datagram_received: name!("datagram_received").kept(py)?,
            error_received: name!("error_received").kept(py)?,
            pause_writing: name!("pause_writing").kept(py)?,
            resume_writing: name!("resume_writing").kept(py)?,
            attach: name!("_attach").kept(py)?,
            detach: name!("_detach").kept(py)?,
            copy: name!("copy").kept(py)?,
        })
    }
}

impl Imports {
    pub(crate) fn of(py: Python<'_>) -> PyResult<&'static Self> {
        IMPORTS.get_or_try_init(py, || Self::load(py))
    }

    fn load(py: Python<'_>) -> PyResult<Self> {
        let Some(&handle_types) = HANDLE_TYPES.get(py) else {
            return Err(new_error::<PyImportError>("vitok._native was not initialised"));
        };
        let hooks = py.import(name!("vitok._hooks"))?;
        let events = py.import(name!("asyncio.events"))?;
        let tasks = py.import(name!("asyncio.tasks"))?;
        let c_module = py.import(name!("_asyncio")).ok();
        let from_c =
            |name: &str| c_module.as_ref().and_then(|module| module.getattr(name).ok()).map(Bound::unbind);
        let threadsafe = events.getattr(name!("_ThreadSafeHandle")).ok();
        let handle: Bound<'_, PyType> = events.getattr(name!("Handle"))?.cast_into()?;
        Ok(Self {
            handle_types,
            threadsafe_cancel_waits: threadsafe.is_some(),
            threadsafe_handle: match threadsafe {
                Some(class) => class.cast_into::<PyType>()?.unbind(),
                None => handle.clone().unbind(),
            },
            handle: handle.unbind(),
            timer_handle: events.getattr(name!("TimerHandle"))?.cast_into::<PyType>()?.unbind(),
            eager_task_factory: tasks.getattr(name!("eager_task_factory")).ok().map(Bound::unbind),
            tasks: tasks.dict().unbind(),
            futures: py.import(name!("asyncio.futures"))?.dict().unbind(),
            c_task: from_c("Task"),
            c_future: from_c("Future"),
            tasks_take_keywords: hooks.getattr(name!("TASKS_TAKE_KEYWORDS"))?.extract()?,
            base_loop: py
                .import(name!("asyncio.base_events"))?
                .getattr(name!("BaseEventLoop"))?
                .cast_into::<PyType>()?
                .unbind(),
            buffered_protocol: py
                .import(name!("asyncio.protocols"))?
                .getattr(name!("BufferedProtocol"))?
                .cast_into::<PyType>()?
                .unbind(),
            socket: py.import(name!("socket"))?.getattr(name!("socket"))?.cast_into::<PyType>()?.unbind(),
            deque: py.import(name!("collections"))?.getattr(name!("deque"))?.unbind(),
            extract_stack: py
                .import(name!("asyncio.format_helpers"))?
                .getattr(name!("extract_stack"))?
                .unbind(),
            get_frame: py.import(name!("sys"))?.getattr(name!("_getframe"))?.unbind(),
            thread_calls: ThreadCalls::load(py)?,
            hooks: hooks.into_any().unbind(),
            names: Names {
                context: Keyword::new(name!("context").kept(py)?),
                eager_start: Keyword::new(name!("eager_start").kept(py)?),
                task: name!("Task").kept(py)?,
                future: name!("Future").kept(py)?,
                time: name!("time").kept(py)?,
                run_once: name!("_run_once").kept(py)?,
                protocol: ProtocolNames::load(py)?,
                sock: SockNames::load(py)?,
            },
        })
    }
}
