//! What a client may expect of everything that it got, and a server of everything that was logged.

use std::collections::HashMap;

use wire::{LogEnd, LogKind};

use super::client::Request;
use super::reader::{Response, frames};
use super::world::World;
use crate::application::App;
use crate::peer::{Exchange, Kind};
use crate::transport::Broken;

/// Checks that every request is answered once, by its own application or by the server.
pub(crate) fn check(world: &World<'_>) -> Result<(), Broken> {
    for request in &world.client.requests {
        let response = &world.client.reader.responses[&request.stream];
        let number = (request.stream as usize - 1) / 2;
        match world.apps.iter().find(|app| app.number == number) {
            Some(app) => check_response(world, app, request, response)?,
            None if response.has_head && !is_own(response) => {
                return Err(format!("stream {} is answered by nobody: {response:?}", request.stream));
            }
            None => {}
        }
    }
    check_end(world)?;
    check_log(world)
}

/// Checks one response of an application.
fn check_response(
    world: &World<'_>,
    app: &App,
    request: &Request,
    response: &Response,
) -> Result<(), Broken> {
    let exchange = &request.exchange;
    let said = |text: &str| Err(format!("{text} {:?}: {response:?} of {app:?}", app.id));
    // The head of an answer of the server's own looks like one, until something follows.
    let others = usize::from(app.has_asked) + usize::from(!response.has_head);
    if response.interim > app.hints + others && !app.is_unclear {
        return said("interim responses of");
    }
    if response.has_head && !app.visible(exchange).starts_with(&response.content) && !is_own(response) {
        return said("other content of");
    }
    if !response.is_complete {
        let reads_all = !world.is_disturbed && !request.was_reset && response.reset.is_none();
        return if app.is_complete() && reads_all { said("a response without an end of") } else { Ok(()) };
    }
    if app.is_complete() {
        let has_status = response.status.is_none_or(|status| status == app.status);
        let has_content = is_whole(app, exchange, response);
        if has_status && has_content && (!response.has_trailers || app.has_trailers) {
            return Ok(());
        }
        // A response that was refused or late is the server's.
        return if is_own(response) { Ok(()) } else { said("another response of") };
    }
    if is_own(response) || app.is_unclear {
        Ok(())
    } else {
        said("the client can't see that the end is missing of")
    }
}

fn is_whole(app: &App, exchange: &Exchange, response: &Response) -> bool {
    let has_content = exchange.kind != Kind::Head;
    response.content == app.visible(exchange) || (!has_content && response.content.is_empty())
}

/// Returns whether a response may be the server's own: an error with a short text.
fn is_own(response: &Response) -> bool {
    response.status.is_none_or(|status| (400..=599).contains(&status)) && response.content.len() < 100
}

/// Checks how the connection has ended.
fn check_end(world: &World<'_>) -> Result<(), Broken> {
    let ends = &world.client.reader.ends;
    let has_error = ends.iter().find(|(_, code)| *code != frames::NO_ERROR);
    match (has_error, world.client.mistake) {
        (Some(end), None) => Err(format!("a client without fault is told {end:?}")),
        _ => Ok(()),
    }
}

/// Checks that each request that an application got is logged once, as what came of it.
fn check_log(world: &World<'_>) -> Result<(), Broken> {
    let mut records = HashMap::new();
    for record in world.log.iter().filter(|record| record.kind == LogKind::Request) {
        let Some(id) = record.request else { continue };
        if records.insert(id, record).is_some() {
            return Err(format!("{id:?} is logged twice"));
        }
    }
    for app in &world.apps {
        let Some(record) = records.get(&app.id) else { return Err(format!("{:?} is not logged", app.id)) };
        let stream = u32::try_from(app.number * 2 + 1).unwrap_or(0);
        let response = &world.client.reader.responses[&stream];
        let is_complete = app.is_complete() && response.is_complete && !is_own(response);
        if is_complete && record.end == LogEnd::Complete && record.status != app.status {
            return Err(format!("{record:?} of {app:?}"));
        }
    }
    Ok(())
}
