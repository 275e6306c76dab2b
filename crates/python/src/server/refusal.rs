//! The answer to a request that is one more than the server takes at a time.

use wire::{Outcome, RequestId};

use super::connection::Protocol;
use super::driver;
use super::shared::HttpServer;
use crate::ffi::name::Text;
use crate::ffi::this::This;
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::name;

/// Answers a request that is one more than the server takes at a time.
#[cold]
pub(super) fn refuse(
    protocol: This<'_, Protocol>,
    http_server: &HttpServer,
    request: RequestId,
) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let outcome = if http_server.settings.reports_to_hooks {
        Outcome::Answer { status: 503, text: "Service Unavailable", closes: true }
    } else {
        let text = "the server has as many requests as it takes at a time\n";
        Outcome::Answer { status: 503, text, closes: false }
    };
    let warned = http_server.notify(py, name!("warning"), (Text("Exceeded concurrency limit."),));
    and_also(py, warned.map_err(ErrorSet::from), || driver::finish(protocol, request, outcome).1)
}
