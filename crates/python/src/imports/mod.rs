//! Everything that the extension takes from Python's own modules, loaded when the module is imported.
//!
//! A missing attribute, as in a Python newer than this module, is an ImportError that names it. Names that tools are
//! known to replace at run time (`asyncio.tasks.Task`) are looked up at each use through the module's dict, which is
//! kept here.

mod attributes;
mod hooks;
mod own_function;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

pub(crate) use self::attributes::{attribute, class};
use self::hooks::Hooks;
pub(crate) use self::own_function::{Names, OwnFunction, SendFile};
use crate::ffi::at_import::AtImport;
use crate::ffi::method::Keyword;
use crate::name;

pub(crate) struct Imports {
    pub(crate) handles: Handles,
    pub(crate) tasks: Tasks,
    pub(crate) thread_calls: ThreadCalls,
    pub(crate) names: Names,
    pub(crate) send_file: SendFile,
    /// `asyncio.base_events.BaseEventLoop`.
    pub(crate) base_loop: Py<PyType>,
    /// `asyncio.BufferedProtocol`.
    pub(crate) buffered_protocol: Py<PyType>,
    /// `collections.deque`.
    pub(crate) deque: Py<PyType>,
    /// Absent where a newer Python's readers may do more than those that this was written for.
    pub(crate) stream_readers: Option<StreamReaders>,
    pub(crate) hooks: Hooks,
    pub(crate) keywords: Keywords,
}

/// The classes of handles, and the functions with which debug mode records their origin.
pub(crate) struct Handles {
    /// `asyncio.Handle`, `asyncio.TimerHandle` and, from 3.14, the handle of `call_soon_threadsafe`.
    pub(crate) handle: Py<PyType>,
    pub(crate) timer_handle: Py<PyType>,
    pub(crate) threadsafe_handle: Py<PyType>,
    /// Whether `cancel()` of a thread-safe handle waits for a callback that runs: from 3.14.
    pub(crate) threadsafe_cancel_waits: bool,
    /// `asyncio.format_helpers.extract_stack` and `sys._getframe`.
    pub(crate) extract_stack: Py<PyAny>,
    pub(crate) get_frame: Py<PyAny>,
}

impl Handles {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let handle = class(py, "asyncio.events", "Handle")?;
        let threadsafe = py.import(name!("asyncio.events"))?.getattr_opt(name!("_ThreadSafeHandle"))?;
        Ok(Self {
            threadsafe_cancel_waits: threadsafe.is_some(),
            threadsafe_handle: match threadsafe {
                Some(_) => class(py, "asyncio.events", "_ThreadSafeHandle")?.unbind(),
                None => handle.clone().unbind(),
            },
            handle: handle.unbind(),
            timer_handle: class(py, "asyncio.events", "TimerHandle")?.unbind(),
            extract_stack: attribute(py, "asyncio.format_helpers", "extract_stack")?.unbind(),
            get_frame: attribute(py, "sys", "_getframe")?.unbind(),
        })
    }
}

/// The functions and classes that create futures and tasks.
pub(crate) struct Tasks {
    /// The dicts of `asyncio.tasks` and `asyncio.futures`.
    pub(crate) tasks_dict: Py<PyDict>,
    pub(crate) futures_dict: Py<PyDict>,
    /// asyncio's own C classes, where they are built.
    pub(crate) c_task: Option<Py<PyAny>>,
    pub(crate) c_future: Option<Py<PyAny>>,
    /// `done` and `exception` of its Task, which nobody can replace: called with the task, they need no search.
    pub(crate) c_task_methods: Option<[Py<PyAny>; 2]>,
    /// Exists from 3.12 on.
    pub(crate) eager_task_factory: Option<Py<PyAny>>,
    /// The task that each loop is in, by loop; known before 3.12, where it decides on a first step.
    pub(crate) current_tasks: Option<Py<PyDict>>,
}

impl Tasks {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let tasks = py.import(name!("asyncio.tasks"))?;
        // An interpreter may be built without it.
        let has_c_module = py.import(name!("_asyncio")).is_ok();
        let from_c =
            |name: &str| has_c_module.then(|| attribute(py, "_asyncio", name).map(Bound::unbind)).transpose();
        let eager_task_factory = tasks.getattr_opt(name!("eager_task_factory"))?.map(Bound::unbind);
        let current_tasks = match &eager_task_factory {
            None if has_c_module => {
                let current = attribute(py, "_asyncio", "_current_tasks")?;
                Some(current.cast_into::<PyDict>().map_err(PyErr::from)?.unbind())
            }
            _ => None,
        };
        let c_task = from_c("Task")?;
        let method = |task: &Py<PyAny>, name| task.bind(py).getattr(name).map(Bound::unbind);
        let methods =
            |task| Ok::<_, PyErr>([method(task, name!("done"))?, method(task, name!("exception"))?]);
        Ok(Self {
            c_task_methods: c_task.as_ref().map(methods).transpose()?,
            c_task,
            c_future: from_c("Future")?,
            eager_task_factory,
            current_tasks,
            tasks_dict: tasks.dict().unbind(),
            futures_dict: py.import(name!("asyncio.futures"))?.dict().unbind(),
        })
    }
}

/// The functions that a run calls for its thread, with the modules that hold them: a program may replace one, and then
/// asyncio calls the new one too. asyncio's own are all C functions, within which no signal handler can run.
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

/// asyncio's streams: the classes, and the functions that their methods are at this moment. Tools replace them later.
pub(crate) struct StreamReaders {
    pub(crate) protocol: Py<PyType>,
    pub(crate) reader: Py<PyType>,
    pub(crate) data_received: Py<PyAny>,
    pub(crate) feed_data: Py<PyAny>,
    pub(crate) wakeup_waiter: Py<PyAny>,
}

impl StreamReaders {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let protocol = class(py, "asyncio.streams", "StreamReaderProtocol")?;
        let reader = class(py, "asyncio.streams", "StreamReader")?;
        Ok(Self {
            data_received: protocol.getattr(name!("data_received"))?.unbind(),
            feed_data: reader.getattr(name!("feed_data"))?.unbind(),
            wakeup_waiter: reader.getattr(name!("_wakeup_waiter"))?.unbind(),
            protocol: protocol.unbind(),
            reader: reader.unbind(),
        })
    }
}

static IMPORTS: AtImport<Imports> = AtImport::new();

/// Loads everything. The module calls this once.
pub(crate) fn load(py: Python<'_>) -> PyResult<()> {
    IMPORTS.make(py, || Imports::load(py))
}

impl Imports {
    /// Returns the imports. ImportError if the import of the module has failed.
    pub(crate) fn of(py: Python<'_>) -> PyResult<&'static Self> {
        IMPORTS.get(py)
    }

    fn load(py: Python<'_>) -> PyResult<Self> {
        let hooks = Hooks::load(py)?;
        Ok(Self {
            handles: Handles::load(py)?,
            tasks: Tasks::load(py)?,
            thread_calls: ThreadCalls::load(py)?,
            names: Names::load(py)?,
            send_file: SendFile::load(py)?,
            base_loop: class(py, "asyncio.base_events", "BaseEventLoop")?.unbind(),
            buffered_protocol: class(py, "asyncio.protocols", "BufferedProtocol")?.unbind(),
            deque: class(py, "collections", "deque")?.unbind(),
            stream_readers: if hooks.feeds_readers { Some(StreamReaders::load(py)?) } else { None },
            hooks,
            keywords: Keywords {
                context: Keyword::new(name!("context").clone_ref(py)),
                eager_start: Keyword::new(name!("eager_start").clone_ref(py)),
            },
        })
    }
}

/// Keywords that the hot path compares by address.
pub(crate) struct Keywords {
    pub(crate) context: Keyword,
    pub(crate) eager_start: Keyword,
}
