//! Why an event of a response can't be sent, as exceptions.

use pyo3::exceptions::{PyConnectionResetError, PyRuntimeError};
use wire::{OutOfOrder, SendError};

use crate::ffi::error::new_error;
use crate::ffi::trampoline::ErrorSet;

/// Returns the exception for a message that can't be sent. For a client that has left it is the one of the ASGI HTTP
/// specification ("Disconnected Client - send exception").
#[cold]
pub(super) fn raise(error: SendError) -> ErrorSet {
    let text = match error {
        SendError::Disconnected => {
            return new_error::<PyConnectionResetError>("the client has disconnected").into();
        }
        SendError::Complete => "the response is complete: nothing can follow it".to_owned(),
        SendError::OutOfOrder(expected) => expectation(expected).to_owned(),
        SendError::Invalid(error) => error.to_string(),
        SendError::Misused(text) => text.to_owned(),
    };
    new_error::<PyRuntimeError>(text).into()
}

const fn expectation(expected: OutOfOrder) -> &'static str {
    match expected {
        OutOfOrder::HasBegun => "a response begins once",
        OutOfOrder::HeadIsDue => "a response begins with http.response.start",
        OutOfOrder::ContentIsDue => "trailers come after the last content of a response that has them",
        OutOfOrder::TrailersAreDue => "after the content of this response come its trailers",
        OutOfOrder::FileIsDue => "a file of this response is being sent",
        OutOfOrder::AcceptIsDue => "a WebSocket begins with websocket.accept",
        OutOfOrder::HasAccepted => "the WebSocket is accepted already",
        OutOfOrder::NoWebSocket => "the request does not ask for a WebSocket",
    }
}
