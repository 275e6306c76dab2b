//! The kinds of sockets in the system's answer to a literal: families, types and protocols, in its order.
//!
//! They depend on the arguments and on the system, not on the host or the port. So they are taken from the first
//! answer to such arguments, and later answers are made of them.

use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::literal::Key;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;

/// One item of an answer, without the address: family, type, protocol, canonical name.
pub(super) struct Kind([Py<PyAny>; 4]);

/// The number of different arguments whose answers are remembered: a program uses a few. Others are asked for at each
/// call, as are those that have no answer.
const REMEMBERED: usize = 16;

static ANSWERS: [OnceLock<(Key, Vec<Kind>)>; REMEMBERED] = [const { OnceLock::new() }; REMEMBERED];

/// Returns the kinds of the answer to such arguments, if there was one.
#[inline]
pub(super) fn known(key: &Key) -> Option<&'static [Kind]> {
    let (_, kinds) = ANSWERS.iter().map_while(OnceLock::get).find(|(known, _)| known == key)?;
    Some(kinds)
}

/// Returns the list of addresses that `socket.getaddrinfo` returns.
pub(super) fn list<'py>(
    py: Python<'py>,
    kinds: &[Kind],
    address: &Bound<'py, PyTuple>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let item = |kind: &Kind| {
        let [family, kind, proto, name] = kind.0.each_ref().map(|part| part.bind(py).clone());
        make::tuple(py, [family, kind, proto, name, address.clone().into_any()]).map(Bound::into_any)
    };
    if let [only] = kinds {
        return Ok(make::list(py, [item(only)?])?.into_any());
    }
    let items: Result<Vec<_>, ErrorSet> = kinds.iter().map(item).collect();
    Ok(make::list(py, items?)?.into_any())
}

/// Remembers the kinds of an answer that has this address in each item.
pub(super) fn remember(key: &Key, answer: &Bound<'_, PyAny>, address: &Bound<'_, PyTuple>) -> PyResult<()> {
    let Ok(items) = answer.cast_exact::<PyList>() else { return Ok(()) };
    let mut kinds = Vec::new();
    for item in items.iter() {
        let Ok(item) = item.cast_into_exact::<PyTuple>() else { return Ok(()) };
        if item.len() != 5 || !item.get_item(4)?.eq(address)? {
            return Ok(());
        }
        let part = |place| item.get_item(place).map(Bound::unbind);
        kinds.push(Kind([part(0)?, part(1)?, part(2)?, part(3)?]));
    }
    let mut entry = (*key, kinds);
    for place in &ANSWERS {
        match place.set(entry) {
            Ok(()) => break,
            Err(refused) => entry = refused,
        }
    }
    Ok(())
}
