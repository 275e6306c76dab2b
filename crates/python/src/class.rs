//! `vitok._native.EventLoop` as Python sees it: its constructor, its attributes, and the tables of its methods.
//!
//! Attributes of asyncio's base class that are in native memory are properties here, so that `BaseEventLoop.__init__`
//! sets them and the instance gets no dict: the interpreter calls methods of such an instance faster.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::constants::{none, truth};
use crate::ffi::coroutine_method;
use crate::ffi::error::new_error;
use crate::ffi::half_made::{self, Marked as _};
use crate::ffi::handle_object::Handle;
use crate::ffi::heap_type::{add_methods, finish};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::trampoline::ErrorSet;
use crate::imports;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::rebuild::rebuild_after_fork;
use crate::{
    accept_task, add_reader, attributes, close, connect, datagram, dispatch, event_loop, executor, handle,
    listener, metrics, names, pipe, run, schedule, signals, sock, stream, tasks, tls, wrong_thread,
};

/// Adds the class to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<EventLoop>()?;
    handle::make_classes(module)?;
    imports::load(py)?;
    let mut methods = schedule::methods();
    methods.extend(event_loop::methods());
    methods.extend(add_reader::methods());
    methods.extend(tasks::methods(py)?);
    methods.extend(executor::methods());
    methods.extend(metrics::methods());
    accept_task::make_class(module)?;
    stream::make_class(module)?;
    tls::make_class(module)?;
    pipe::make_classes(module)?;
    methods.extend(pipe::methods());
    datagram::make_class(module)?;
    coroutine_method::make_class(module)?;
    sock::add(module)?;
    connect::add(module)?;
    names::add(module)?;
    add_methods::<EventLoop>(py, methods)?;
    finish::<EventLoop>(py);
    half_made::guard::<EventLoop>(py);
    Ok(())
}

#[pymethods]
impl EventLoop {
    /// Creates the loop. A subclass may take arguments of its own, which are passed to its `__init__`.
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(
        py: Python<'_>,
        _arguments: &Bound<'_, PyTuple>,
        _keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Self::create(py)
    }

    /// Run until stop() is called. RuntimeError if this loop, or another one in this thread, is running.
    fn run_forever(slf: &Bound<'_, Self>) -> PyResult<()> {
        run::forever(slf)
    }

    /// Do everything that comes before the first turn, completely or not at all.
    fn _run_forever_setup(slf: &Bound<'_, Self>) -> PyResult<()> {
        run::set_up(slf)
    }

    /// Do everything that comes after the last turn.
    fn _run_forever_cleanup(slf: &Bound<'_, Self>) -> PyResult<()> {
        run::clean_up(slf)
    }

    /// Set whether coroutines that are created from now on record where.
    fn _set_coroutine_origin_tracking(slf: &Bound<'_, Self>, enabled: &Bound<'_, PyAny>) -> PyResult<()> {
        run::track_origins(slf, enabled.is_truthy()?)
    }

    /// Close the loop: empty the queues, close the descriptors, shut down the default executor without waiting.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        close::close(slf)
    }

    /// Wake the loop if it sleeps. Any thread may call this.
    fn _write_to_self(&self) -> PyResult<()> {
        self.wakeup.ring().map_err(|error| crate::error::os_error(&error))
    }

    /// Add a handle to the end of the ready queue; one of asyncio's own is wrapped. Other threads may call this, and
    /// the loop wakes.
    fn _add_callback(slf: &Bound<'_, Self>, handle: &Bound<'_, PyAny>) -> PyResult<()> {
        if handle.getattr(name!("_cancelled"))?.is_truthy()? {
            return Ok(());
        }
        slf.call_method1(name!("call_soon_threadsafe"), (handle.getattr(name!("_run"))?,))?;
        Ok(())
    }

    /// Take the signal wake-up descriptor of the process, in the main thread, unless the loop has it.
    fn _hold_wakeup_descriptor(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().check_open()?;
        rebuild_after_fork(slf)?;
        signals::hold(slf.py(), slf.get())
    }

    /// Keep the wake-up descriptor while the loop runs or has handlers of signals, and return it otherwise.
    fn _update_wakeup_descriptor(slf: &Bound<'_, Self>, has_handlers: bool) -> PyResult<()> {
        let (py, state) = (slf.py(), slf.get());
        if state.modes.any(Modes::CLOSED) {
            return Ok(());
        }
        rebuild_after_fork(slf)?;
        signals::update(py, state, has_handlers)
    }

    /// Return the descriptor that signal numbers are written to; it is created at the first call.
    fn _wakeup_descriptor<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_open()?;
        let descriptor = self
            .registry
            .with(py, crate::registry::Registry::signal_descriptor)
            .map_err(|error| crate::error::os_error(&error))?;
        Ok(make::integer(py, i64::from(descriptor))?)
    }

    /// Return the registrations: a list of (descriptor, reader, writer, registered object or None).
    fn _watched<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let watched = self.registry.with(py, |registry| registry.table.repr(py));
        let row = |(descriptor, reads, writes, object): (i32, bool, bool, Option<Object>)| {
            let object = object.map_or_else(|| none(py), |object| object.into_bound(py));
            let row =
                [make::integer(py, i64::from(descriptor))?, truth(py, reads), truth(py, writes), object];
            make::tuple(py, row).map(Bound::into_any)
        };
        let rows: Result<Vec<_>, ErrorSet> = watched.into_iter().map(row).collect();
        Ok(make::list(py, rows?)?)
    }

    /// Return the transport of a connected socket. `connection_made` is called at the next turn, then the waiter is
    /// woken.
    #[pyo3(signature = (sock, protocol, waiter, extra, server, context))]
    fn _open_stream<'py>(
        slf: &Bound<'py, Self>,
        sock: &Bound<'py, PyAny>,
        protocol: Bound<'py, PyAny>,
        waiter: Option<Bound<'py, PyAny>>,
        extra: Option<Bound<'py, PyAny>>,
        server: Option<Bound<'py, PyAny>>,
        context: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let socket = stream::NewSocket::Object(SocketObject::expect(sock)?);
        let server = server.map(|server| stream::Served::new(server, None));
        stream::open_later(slf, stream::Connection { socket, protocol, context, server, extra }, waiter)
            .map(Bound::into_any)
            .map_err(|raised| raised.take(slf.py()))
    }

    /// Return a TLS transport, to be given the transport below by its `connection_made`, and why its engine is not the
    /// wanted one, or None. `made`: context, `ssl.SSLObject`, and its two BIOs. `roles`: whether it is a server's, and
    /// whether its protocol has its `connection_made` already.
    #[pyo3(signature = (protocol, made, waiter, *, roles, is_direct, timeouts))]
    fn _open_tls<'py>(
        slf: &Bound<'py, Self>,
        protocol: Bound<'py, PyAny>,
        made: [Bound<'py, PyAny>; 4],
        waiter: Option<Bound<'py, PyAny>>,
        roles: [bool; 2],
        is_direct: bool,
        timeouts: [f64; 2],
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let [context, ssl_object, incoming, outgoing] = made;
        let ([is_server, is_upgrade], [handshake_timeout, shutdown_timeout]) = (roles, timeouts);
        let parts = tls::Parts {
            protocol,
            context,
            ssl_object,
            bios: [incoming, outgoing],
            waiter,
            is_server,
            is_upgrade,
            is_direct,
            handshake_timeout,
            shutdown_timeout,
        };
        let (opened, obstacle) = tls::open(slf, parts).map_err(|raised| raised.take(slf.py()))?;
        Ok((opened.into_any(), obstacle))
    }

    /// Return the transport of a datagram socket. `connection_made` is called at the next turn, then the waiter is
    /// woken.
    fn _open_datagram<'py>(
        slf: &Bound<'py, Self>,
        sock: &Bound<'py, PyAny>,
        protocol: Bound<'py, PyAny>,
        address: Option<Bound<'py, PyAny>>,
        waiter: Option<Bound<'py, PyAny>>,
        facts: Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let socket = SocketObject::expect(sock)?;
        datagram::open_later(slf, datagram::New { socket, protocol, address, extra: facts }, waiter)
            .map_err(|raised| raised.take(slf.py()))
    }

    /// Accept connections on a listening socket, each with a protocol of the factory. The server is told of each by its
    /// methods, unless it has given its count.
    #[pyo3(signature = (protocol_factory, sock, server, count, context))]
    fn _listen<'py>(
        slf: &Bound<'py, Self>,
        protocol_factory: Bound<'py, PyAny>,
        sock: &Bound<'py, PyAny>,
        server: Option<Bound<'py, PyAny>>,
        count: Option<Bound<'py, stream::ConnectionCount>>,
        context: Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let server = server.map(|server| stream::Served::new(server, count));
        listener::listen(slf, protocol_factory, SocketObject::expect(sock)?, server, context)
    }

    /// Record that other processes accept from the listening socket with this number: the one that has waited the longest
    /// gets the next connection. To be called before accepting starts; the end of accepting ends it.
    ///
    /// A later call finds a connection for which the kernel woke a process that has ended since, or was stopped.
    fn _share_listener(&self, py: Python<'_>, descriptor: i32) -> PyResult<()> {
        let moved = self.registry.with(py, |registry| {
            registry.set_shared(descriptor, true);
            registry.move_behind_others(descriptor)
        });
        moved.map_err(|error| crate::error::os_error(&error))
    }

    /// Return whether the socket with this number is shared.
    fn _is_shared_listener(&self, py: Python<'_>, descriptor: i32) -> bool {
        self.registry.with(py, |registry| registry.is_shared(descriptor))
    }

    /// Stop accepting on the socket with this number. Return whether it was accepting.
    fn _unlisten(&self, py: Python<'_>, descriptor: i32) -> bool {
        listener::unlisten(py, self, descriptor)
    }

    /// Return the open transport that a descriptor belongs to, or None.
    fn _transport_of<'py>(&self, py: Python<'py>, descriptor: i32) -> Option<Bound<'py, PyAny>> {
        dispatch::transport_of(py, self, descriptor)
    }

    /// Return the open transports of a server.
    fn _transports_of<'py>(
        &self,
        py: Python<'py>,
        server: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        Ok(make::list(py, stream::transports_of(py, self, server)?)?)
    }

    /// Take deadlines from `loop.time()`, which a subclass overrides.
    fn _follow_own_time(&self) {
        self.modes.set(Modes::OWN_TIME, true);
    }

    fn __setattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        attributes::set(slf, name, value)
    }

    fn __delattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyAny>) -> PyResult<()> {
        attributes::delete(slf, name)
    }

    #[getter]
    fn _closed(&self) -> bool {
        self.modes.any(Modes::CLOSED)
    }

    #[setter(_closed)]
    fn assign_closed(&self, closed: bool) {
        self.modes.set(Modes::CLOSED, closed);
    }

    #[getter]
    fn _stopping(&self) -> bool {
        self.modes.any(Modes::STOPPING)
    }

    #[setter(_stopping)]
    fn assign_stopping(&self, stopping: bool) {
        self.modes.set(Modes::STOPPING, stopping);
    }

    #[getter]
    fn _debug(&self) -> bool {
        self.modes.any(Modes::DEBUG)
    }

    #[setter(_debug)]
    fn assign_debug(&self, debug: &Bound<'_, PyAny>) -> PyResult<()> {
        self.modes.set(Modes::DEBUG, debug.is_truthy()?);
        Ok(())
    }

    #[getter]
    fn _thread_id<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let thread = self.thread.load(std::sync::atomic::Ordering::Relaxed);
        if thread == 0 { Ok(None) } else { Ok(Some(make::identity(py, thread)?)) }
    }

    #[setter(_thread_id)]
    fn assign_thread_id(&self, thread: Option<u64>) {
        self.set_thread(thread);
    }

    fn _check_thread(&self) -> PyResult<()> {
        wrong_thread::check(self)
    }

    #[getter]
    fn _task_factory(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.settings.with(py, |settings| settings.task_factory.as_ref().map(|factory| factory.clone_ref(py)))
    }

    #[setter(_task_factory)]
    fn assign_task_factory(&self, py: Python<'_>, factory: Option<Py<PyAny>>) {
        let before =
            self.settings.with(py, |settings| std::mem::replace(&mut settings.task_factory, factory));
        drop(before);
    }

    #[getter]
    fn _current_handle(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.settings.with(py, |settings| settings.current_handle.as_ref().map(|handle| handle.clone_ref(py)))
    }

    #[setter(_current_handle)]
    fn assign_current_handle(&self, py: Python<'_>, handle: Option<Py<PyAny>>) {
        let before =
            self.settings.with(py, |settings| std::mem::replace(&mut settings.current_handle, handle));
        drop(before);
    }

    /// Return the ready queue, in order: a copy as a deque.
    #[getter]
    fn _ready<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if !self.remote_queue.is_empty() {
            self.collect_mail(py);
        }
        let handles: Vec<Handle> =
            self.queues.with(py, |queues| queues.ready.iter().map(|handle| handle.clone_ref(py)).collect());
        let objects: Vec<_> = handles.iter().map(|handle| handle.to_object(py)).collect();
        self.imports.deque.bind(py).call1((make::list(py, objects)?,))
    }

    #[setter(_ready)]
    fn assign_ready(&self, handles: &Bound<'_, PyAny>) -> PyResult<()> {
        refuse_content(handles, "_ready")
    }

    /// Return the timers, the first due first: a copy as a list.
    #[getter]
    fn _scheduled<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut handles: Vec<Handle> =
            self.queues.with(py, |queues| queues.timers.iter().map(|handle| handle.clone_ref(py)).collect());
        handles.sort_by(|one, other| one.when().total_cmp(&other.when()));
        let objects = handles.iter().map(|handle| handle.to_object(py));
        Ok(make::list(py, objects)?)
    }

    #[setter(_scheduled)]
    fn assign_scheduled(&self, handles: &Bound<'_, PyAny>) -> PyResult<()> {
        refuse_content(handles, "_scheduled")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if self.is_made() { self.traverse(visit) } else { Ok(()) }
    }

    fn __clear__(&self, py: Python<'_>) {
        close::discard(py, self);
    }
}

/// Refuses an assignment with content: the queues are native, and only asyncio's constructor assigns empty ones.
fn refuse_content(handles: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    if handles.len()? == 0 {
        return Ok(());
    }
    Err(new_error::<PyTypeError>(format!(
        "{name} of a vitok loop is a copy and cannot be assigned; use call_soon() or call_at()"
    )))
}
