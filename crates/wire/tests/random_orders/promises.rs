//! What a peer may expect of everything that it got, and a server of everything that was logged.

#[path = "../support/responses.rs"]
mod responses;

use std::collections::HashMap;

use responses::Response;
use wire::LogEnd;

use crate::application::App;
use crate::peer::Kind;
use crate::transport::{Broken, State};
use crate::world::World;

/// Checks that every request is answered once, in order, by its own application or by the server.
pub(crate) fn check(world: &World<'_>) -> Result<(), Broken> {
    let exchanges = &world.script.exchanges;
    let is_to_head =
        |number: usize| exchanges.get(number).is_some_and(|exchange| exchange.kind == Kind::Head);
    // Only a peer that has sent something is refused.
    let has_more = |number: usize| {
        let before = if number > 0 { exchanges.get(number - 1).map_or(0, |before| before.end) } else { 0 };
        world.delivered > before || world.has_babbled
    };
    let responses = responses::read(&world.transport.written, is_to_head)?;
    for (number, response) in responses.iter().enumerate() {
        let is_last = number + 1 == responses.len();
        if !is_last && (response.says_close || response.is_until_close || !response.is_complete) {
            return Err(format!("response {number} is the last one by what it says: {response:?}"));
        }
        match world.apps.iter().find(|app| app.number == number) {
            Some(app) => check_response(world, app, response)?,
            None if is_last && has_more(number) && matches!(response.status, 400..=499 | 505) => {}
            None if response.status == 501 && number < exchanges.len() => {}
            None => return Err(format!("response {number} answers nothing: {response:?}")),
        }
    }
    for app in world.apps.iter().filter(|app| app.is_complete()) {
        // A response that was sent whole and is not there was written after the end, or not at all.
        if responses.get(app.number).is_none_or(|response| !response.is_complete) {
            return Err(format!("the response to request {} is not complete", app.number));
        }
    }
    check_all_answered(world, &responses)?;
    check_log(world, &responses)
}

/// Checks one response of an application.
fn check_response(world: &World<'_>, app: &App, response: &Response) -> Result<(), Broken> {
    let exchange = &world.script.exchanges[app.number];
    let continues = response.interim.iter().filter(|status| **status == 100).count();
    let hints = response.interim.iter().filter(|status| **status == 103).count();
    let expected = if exchange.is_http10 { 0 } else { app.hints };
    let may_continue = exchange.expects_continue && app.has_asked;
    if continues > usize::from(may_continue) || (hints != expected && !app.is_unclear) {
        return Err(format!("request {} has the interim responses {:?}", app.number, response.interim));
    }
    if response.is_until_close && !exchange.is_http10 {
        return Err(format!("the response to {} has no end", app.number));
    }
    if !app.is_complete() {
        let looks_complete = response.is_until_close && response.status == app.status;
        let has_left = world.has_ended_side || world.lost_early;
        if looks_complete && !world.transport.was_aborted && !has_left {
            return Err(format!("the client can't see that the response to {} is cut short", app.number));
        }
        // The server answers, or the response is cut short.
        let is_own = matches!(response.status, 400..=599) && response.content.len() < 100;
        let is_cut = response.status == 0 || response.status == app.status;
        let has_begun = app.sent.starts_with(&response.content) && is_cut;
        return if is_own || has_begun {
            Ok(())
        } else {
            Err(format!("request {}: {response:?}", app.number))
        };
    }
    let trailers = usize::from(app.has_trailers && exchange.takes_trailers && !exchange.is_http10);
    let has_trailers = response.trailers.len() <= trailers;
    if response.status != app.status || response.content != app.visible(exchange) || !has_trailers {
        let (status, length) = (response.status, response.content.len());
        return Err(format!("request {} got {status} with {length} bytes: {app:?}", app.number));
    }
    Ok(())
}

/// Checks that every request has a response, up to one that ends the connection, if nothing else has happened.
fn check_all_answered(world: &World<'_>, responses: &[Response]) -> Result<(), Broken> {
    let exchanges = &world.script.exchanges;
    if world.is_disturbed || world.transport.state == State::TakenOver {
        return Ok(());
    }
    let complete = exchanges.iter().filter(|exchange| exchange.end <= world.script.until).count();
    let ends_early = |number: usize| {
        let response = &responses[number];
        let left_unread = world.apps.iter().any(|app| app.number == number && !app.has_got_all);
        response.says_close || response.is_until_close || !exchanges[number].persists || left_unread
    };
    let answered = responses.iter().filter(|response| response.is_complete).count();
    let is_answered = answered >= complete || (0..answered).any(ends_early);
    if is_answered { Ok(()) } else { Err(format!("{answered} of {complete} requests are answered")) }
}

/// Checks that each request is logged once, as what came of it.
fn check_log(world: &World<'_>, responses: &[Response]) -> Result<(), Broken> {
    let mut records = HashMap::new();
    for record in &world.log {
        let Some(id) = record.request else { continue };
        if records.insert(id, record).is_some() {
            return Err(format!("{id:?} is logged twice"));
        }
    }
    if world.transport.state == State::TakenOver {
        return Ok(());
    }
    for app in &world.apps {
        let Some(record) = records.get(&app.id) else { return Err(format!("{:?} is not logged", app.id)) };
        let is_right = match responses.get(app.number) {
            Some(response) if app.is_complete() => {
                let sent = response.content.len() as u64;
                // A client that ends its side first has left, as far as a server can know.
                let is_over = matches!(record.end, LogEnd::Complete | LogEnd::ClientLeft);
                is_over && record.status == app.status && record.sent == sent
            }
            _ => {
                // A refusal is logged as such also if its client has left.
                record.status == 0
                    || matches!(record.end, LogEnd::Refused(_))
                    || responses.get(app.number).is_some_and(|response| response.status == record.status)
            }
        };
        if !is_right {
            return Err(format!("{record:?} of {app:?}"));
        }
    }
    Ok(())
}
