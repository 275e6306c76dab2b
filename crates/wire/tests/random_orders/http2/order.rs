//! One order: random steps, then an end. A test gives it seeds, a fuzz target bytes.

use wire::{Input, Shutdown, Wire};

use super::promises;
use super::world::{State, World};
use crate::application::App;
use crate::draw::Draw;
use crate::transport::Broken;

/// More steps than any order needs to come to rest.
const STEPS_AT_MOST: usize = 10_000;
/// More ticks than all waits of a connection take one after the other.
const TICKS_AT_MOST: u32 = 200;

/// Goes through an order, and returns what happened if that is to be traced.
///
/// # Errors
///
/// The promise that was broken, with the trace.
pub(crate) fn run(draw: Draw<'_>, traces: bool) -> Result<(), Broken> {
    let mut world = World::new(draw, traces)?;
    let outcome = go(&mut world).and_then(|()| promises::check(&world));
    let Err(broken) = outcome else { return Ok(()) };
    let trace = world.trace.take().unwrap_or_default().join("\n");
    // h2 asserts when it is dropped that no stream is open.
    std::mem::forget(world);
    Err(format!("{trace}\n{broken}"))
}

fn go(world: &mut World<'_>) -> Result<(), Broken> {
    let steps = world.draw.pick(&[10, 40, 150]);
    let specials = world.draw.pick(&[0, 0, 2]);
    for _ in 0..steps {
        if world.draw.is_over() || world.is_over() {
            break;
        }
        step(world, specials)?;
    }
    let is_willing = world.draw.below(16) < 13;
    match world.draw.below(20) {
        17 => shut_down(world, Shutdown::Announced)?,
        18 => shut_down(world, Shutdown::Graceful)?,
        19 => shut_down(world, Shutdown::Immediate)?,
        _ => {}
    }
    world.note(|_| format!("willing: {is_willing}"));
    if is_willing {
        rest(world, true)?;
        check_rested(world)?;
    }
    // Time ends whatever goes on.
    for _ in 0..TICKS_AT_MOST {
        if world.is_over() {
            break;
        }
        rest(world, false)?;
        world.pass(1)?;
    }
    rest(world, false)?;
    if !world.is_over() && world.apps.iter().any(App::awaits_disconnect) {
        // Its time is not limited.
        world.lose(true)?;
        rest(world, false)?;
    }
    if !world.is_over() {
        return Err(format!("the connection is still {:?}", world.state));
    }
    if let Some(app) = world.apps.iter().find(|app| !app.is_over) {
        return Err(format!("a call of {:?} waits for {:?} when everything is over", app.id, app.waits));
    }
    if !world.numbers().is_empty() {
        return Err(format!("the streams {:?} are not over", world.numbers()));
    }
    check_silence(world)
}

/// Takes one step of any kind.
fn step(world: &mut World<'_>, specials: usize) -> Result<(), Broken> {
    if world.draw.chance(specials) {
        return special(world);
    }
    match world.draw.below(20) {
        0..3 => {
            world.client.begin();
            Ok(())
        }
        3..5 => {
            let number = world.draw.below(world.client.requests.len().max(1));
            let count = world.draw.pick(&[16_384, 700, 1, 0]);
            world.client.send(number, count);
            Ok(())
        }
        5..8 => {
            let count = world.draw.pick(&[1 << 20, 700, 60, 7, 1]);
            world.deliver(count)
        }
        8..10 => {
            let count = world.draw.pick(&[1 << 20, 3000, 100, 5]);
            world.read(count)
        }
        10..14 => {
            let index = world.draw.below(world.apps.len().max(1));
            world.step(index).map(drop)
        }
        14 | 15 => world.end_turn(),
        16 => {
            let stream = world.draw.below(world.client.requests.len() + 1);
            let stream = stream.checked_sub(1).map_or(0, |number| world.client.requests[number].stream);
            let bytes = world.draw.pick(&[1, 100, 5000, 1 << 20]);
            world.client.open_window(stream, bytes);
            Ok(())
        }
        17 => {
            world.client.send_other(&mut world.draw);
            Ok(())
        }
        18 if world.draw.chance(10) => {
            let number = world.draw.below(world.client.requests.len().max(1));
            world.client.reset(number);
            Ok(())
        }
        19 if specials > 0 => {
            let ticks = world.draw.pick(&[1, 1, 3, 9]);
            world.pass(ticks)
        }
        _ => Ok(()),
    }
}

/// Does something that happens once in the life of a connection.
fn special(world: &mut World<'_>) -> Result<(), Broken> {
    world.is_disturbed = true;
    match world.draw.below(8) {
        0 => shut_down(world, Shutdown::Graceful),
        1 => shut_down(world, Shutdown::Immediate),
        2 => world.lose(true),
        3 => world.lose(false),
        4 if matches!(world.state, State::Open | State::HalfClosed) => {
            // The transport closes by itself.
            world.feed(Input::Broken)?;
            for number in world.numbers() {
                world.feed_stream(number, Input::Broken)?;
            }
            world.state = State::Aborted;
            Ok(())
        }
        5 => shut_down(world, Shutdown::Announced),
        6 if !world.client.requests.is_empty() => {
            world.client.make_mistake(&mut world.draw);
            Ok(())
        }
        _ => world.end_side(),
    }
}

fn shut_down(world: &mut World<'_>, how: Shutdown) -> Result<(), Broken> {
    (world.is_ending, world.is_disturbed) = (true, true);
    let was_over = world.is_over();
    world.feed(Input::Shutdown(how))?;
    for number in world.numbers() {
        world.feed_stream(number, Input::Shutdown(how))?;
    }
    let is_ending = was_over || matches!(world.state, State::Aborted | State::Gone);
    if how == Shutdown::Immediate && !is_ending {
        return Err(format!("{:?} after an immediate end", world.state));
    }
    Ok(())
}

/// Goes on until nothing more happens by itself.
fn rest(world: &mut World<'_>, is_willing: bool) -> Result<(), Broken> {
    for _ in 0..STEPS_AT_MOST {
        let before = world.progress;
        if is_willing {
            be_willing(world)?;
        }
        for index in 0..world.apps.len() {
            let mut calls = 0;
            while world.step(index)? {
                calls += 1;
                if calls > STEPS_AT_MOST {
                    return Err(format!("{:?} does not end", world.apps[index].id));
                }
            }
        }
        world.end_turn()?;
        if before == world.progress {
            return Ok(());
        }
    }
    Err("the order does not come to rest".into())
}

/// Sends and reads everything that there is.
fn be_willing(world: &mut World<'_>) -> Result<(), Broken> {
    world.read(usize::MAX)?;
    world.client.begin();
    for number in 0..world.client.requests.len() {
        while world.client.send(number, usize::MAX) {
            world.progress += 1;
        }
    }
    world.client.open_all();
    world.deliver(usize::MAX)
}

/// Checks that nothing waits that a willing client and its applications could go on with.
fn check_rested(world: &World<'_>) -> Result<(), Broken> {
    if !world.wire.is_open() || world.state != State::Open || world.client.mistake.is_some() {
        return Ok(());
    }
    if world.reads_paused || !world.client.outgoing.is_empty() {
        return Err("the input is not read".into());
    }
    if world.has_ended_side {
        return Err("the end of the client's side does not end the connection".into());
    }
    if world.client.reader.is_cut() {
        return Err("a frame is cut".into());
    }
    for request in &world.client.requests {
        let response = &world.client.reader.responses[&request.stream];
        let is_over = response.is_complete || response.reset.is_some() || request.was_reset;
        let may_wait = |app: &App| app.number * 2 + 1 == request.stream as usize && app.awaits_disconnect();
        if !is_over && !world.apps.iter().any(may_wait) {
            return Err(format!("stream {} has no end: {response:?}", request.stream));
        }
        if !request.has_ended && !is_over {
            return Err(format!("the content of stream {} is not taken: {}", request.stream, request.sent));
        }
    }
    match world.apps.iter().find(|app| !app.is_over && !app.awaits_disconnect()) {
        Some(app) => Err(format!("a call of {:?} waits for {:?} for ever", app.id, app.waits)),
        None => Ok(()),
    }
}

/// Checks that a connection which is over says nothing more.
fn check_silence(world: &mut World<'_>) -> Result<(), Broken> {
    let unread = world.unread.len();
    for input in [
        Input::Bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Input::Eof,
        Input::Writable,
        Input::Resume,
        Input::Flush,
        Input::Tick(0),
        Input::Shutdown(Shutdown::Announced),
        Input::Shutdown(Shutdown::Graceful),
        Input::Shutdown(Shutdown::Immediate),
    ] {
        world.feed(input)?;
    }
    world.end_turn()?;
    if world.unread.len() > unread || world.wire.is_open() {
        return Err("something happens after the end".into());
    }
    Ok(())
}
