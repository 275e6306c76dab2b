//! `getaddrinfo` and `getnameinfo` of an address that is a literal: answered at once, without a thread.
//!
//! This file has the methods: they recognise the plain case and create a coroutine that has its result already. All
//! other calls go to `vitok._names`: unusual literals, names, debug mode, and programs that replace the functions of
//! the module `socket`. `literal` has the rules of the plain case, `kinds` what the system answers to it, `answer` the
//! coroutine. No system call is made here.

mod answer;
mod kinds;
mod literal;

use pyo3::prelude::*;

use crate::ffi::audit;
use crate::ffi::coroutine_method::{add_coroutine_methods, coroutine_method};
use crate::ffi::make;
use crate::ffi::method::Call;
use crate::ffi::trampoline::ErrorSet;
use crate::imports::{Names, OwnFunction};
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use literal::{NameQuery, Query};

/// Adds the class of coroutines to the module, and the methods to the class of the loop.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    answer::make_class(module)?;
    let fallbacks = module.py().import(name!("vitok._names"))?;
    let methods =
        [coroutine_method("getaddrinfo", getaddrinfo), coroutine_method("getnameinfo", getnameinfo)];
    add_coroutine_methods(module.py(), &fallbacks, methods)
}

type Made<'py> = Result<Option<Bound<'py, PyAny>>, ErrorSet>;

fn getaddrinfo<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let py = call.py;
    let Some(query) = literal::query(call) else { return Ok(None) };
    let Some(own) = own_function(call, |names| &names.getaddrinfo)? else { return Ok(None) };
    let result = match kinds::known(&query.key) {
        Some(kinds) => addresses(py, &query, kinds),
        None => learn(own, &query),
    };
    answer::make(py, "Loop.getaddrinfo", result).map(Some)
}

fn addresses<'py>(
    py: Python<'py>,
    query: &Query<'py>,
    kinds: &[kinds::Kind],
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    audit::getaddrinfo(query.host, query.given_port, query.key.numbers())?;
    kinds::list(py, kinds, &query.address(py)?)
}

/// Asks the system, which answers a literal at once, and remembers the kinds of sockets in its answer.
#[cold]
fn learn<'py>(own: &Bound<'py, PyAny>, query: &Query<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = own.py();
    let [family, kind, proto, flags] = query.numbers().map(|number| make::integer(py, i64::from(number)));
    let answer = own.call1((query.host, query.given_port, family?, kind?, proto?, flags?))?;
    kinds::remember(&query.key, &answer, &query.address(py)?)?;
    Ok(answer)
}

fn getnameinfo<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let py = call.py;
    let Some(NameQuery { sockaddr, host, port }) = literal::name_query(call) else { return Ok(None) };
    if own_function(call, |names| &names.getnameinfo)?.is_none() {
        return Ok(None);
    }
    let named = || {
        audit::getnameinfo(sockaddr)?;
        let service = make::text(py, &port.to_string())?.into_any();
        Ok(make::tuple(py, [make::text(py, &host)?.into_any(), service])?.into_any())
    };
    answer::make(py, "Loop.getnameinfo", named()).map(Some)
}

/// Returns a function of the module `socket`, unless a program has replaced it, or the loop is closed or in debug mode.
fn own_function<'py>(
    call: &Call<'py, EventLoop>,
    choose: impl FnOnce(&'static Names) -> &'static OwnFunction,
) -> Result<Option<&'py Bound<'py, PyAny>>, ErrorSet> {
    let state = call.this().value();
    if state.modes.any(Modes::DEBUG | Modes::CLOSED) {
        return Ok(None);
    }
    Ok(choose(&state.imports.names).in_use(call.py)?)
}
