//! The time of day for lines of the access log: looked at once a second, so that a line costs no conversion, and a step of
//! the clock or of the time zone shows in the next second.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use wire::access::{LocalTime, Stamp};

use crate::ffi::name::Text;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The second that lasts, as logs write it.
#[derive(Default)]
pub(super) struct LogClock {
    pub(super) stamp: Stamp,
    /// When it began, and when it ends; `None` before the first one.
    span: Option<(Instant, Instant)>,
}

const SECOND: Duration = Duration::from_secs(1);

impl LogClock {
    /// Returns whether the second is over.
    #[inline]
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.span.is_none_or(|(_, end)| now >= end)
    }

    /// Returns the milliseconds since the second began.
    pub(super) fn milliseconds(&self, now: Instant) -> u32 {
        self.span.map_or(0, |(began, _)| now.saturating_duration_since(began).subsec_millis())
    }

    /// Returns the clock with the second of now.
    pub(super) fn read(py: Python<'_>, now: Instant) -> Result<Self, ErrorSet> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = now.checked_sub(Duration::from_nanos(since.subsec_nanos().into())).unwrap_or(now);
        Ok(Self { stamp: Stamp::new(&local(py, since.as_secs())?), span: Some((began, began + SECOND)) })
    }
}

/// Returns a second of local time, by Python's clock: it knows the time zone that the program has set.
fn local(py: Python<'_>, second: u64) -> PyResult<LocalTime> {
    let time = py.import(name!("time"))?.call_method1(name!("localtime"), (second,))?;
    let number = |name| time.getattr(Text(name)).and_then(|value| value.extract::<u64>());
    Ok(LocalTime {
        year: number("tm_year")?,
        month: number("tm_mon")?,
        day: number("tm_mday")?,
        hour: number("tm_hour")?,
        minute: number("tm_min")?,
        second: number("tm_sec")?,
        offset: time.getattr(Text("tm_gmtoff"))?.extract()?,
    })
}
