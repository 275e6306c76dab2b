//! The arguments of a vectorcall method of a transport, by position or by name, refused in Python's own words.
//!
//! It knows nothing of what they mean.

use pyo3::exceptions::PyTypeError;

use super::error::new_error;
use super::method::{Argument, Call};
use super::trampoline::ErrorSet;

/// The one argument of a method, by position or by its name.
#[inline(always)]
pub(crate) fn one<'py>(call: &Call<'py>, method: &str, name: &str) -> Result<Argument<'py>, ErrorSet> {
    match call.positional() {
        [only] if !call.has_keywords() => Ok(*only),
        _ => named(call, method, &[name]).map(|found| found[0]).and_then(|found| {
            found.ok_or_else(|| {
                new_error::<PyTypeError>(format!(
                    "{method}() missing 1 required positional argument: '{name}'"
                ))
                .into()
            })
        }),
    }
}

/// Arguments by position or by name.
#[cold]
pub(crate) fn named<'py>(
    call: &Call<'py>,
    method: &str,
    names: &[&str],
) -> Result<Vec<Option<Argument<'py>>>, ErrorSet> {
    let given = call.positional();
    if given.len() > names.len() {
        let (most, count) = (names.len(), given.len());
        let text = format!("{method}() takes {most} positional arguments but {count} were given");
        return Err(new_error::<PyTypeError>(text).into());
    }
    let mut found: Vec<_> = given.iter().map(|&argument| Some(argument)).collect();
    found.resize(names.len(), None);
    for (name, value) in call.keywords() {
        let name = name.to_string();
        match names.iter().position(|known| *known == name) {
            Some(place) if found[place].is_none() => found[place] = Some(value),
            Some(_) => {
                let text = format!("{method}() got multiple values for argument '{name}'");
                return Err(new_error::<PyTypeError>(text).into());
            }
            None => {
                let text = format!("{method}() got an unexpected keyword argument '{name}'");
                return Err(new_error::<PyTypeError>(text).into());
            }
        }
    }
    Ok(found)
}
