//! One order: random steps, then an end. A test gives it seeds, a fuzz target bytes.

use wire::{Input, Shutdown, Wire};

use crate::application::App;
use crate::draw::Draw;
use crate::promises;
use crate::transport::{Broken, READ_BYTES, State};
use crate::world::World;

/// How the rest of an order goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// The peer sends and reads everything.
    Willing,
    /// The peer does nothing any more.
    Silent,
    /// The peer sends a byte now and then, and reads nothing.
    Dripping,
}

/// More steps than any order needs to come to rest.
const STEPS_AT_MOST: usize = 10_000;
/// More ticks than all waits of a connection take one after the other.
const TICKS_AT_MOST: u32 = 4000;
/// More ticks than a peer gets to read anything.
const TICKS_FULL_AT_MOST: u32 = 30;

/// Goes through an order, and returns what happened if that is to be traced.
///
/// # Errors
///
/// The promise that was broken, with the trace.
pub(crate) fn run(draw: Draw<'_>, traces: bool) -> Result<(), Broken> {
    let mut world = World::new(draw, traces)?;
    let outcome = go(&mut world).and_then(|()| promises::check(&world));
    outcome.map_err(|broken| {
        let trace = world.trace.take().unwrap_or_default().join("\n");
        format!("{trace}\n{broken}")
    })
}

fn go(world: &mut World<'_>) -> Result<(), Broken> {
    let steps = world.draw.pick(&[5, 20, 60]);
    let specials = world.draw.pick(&[0, 0, 2]);
    for _ in 0..steps {
        if world.draw.is_over() || world.transport.is_over() {
            break;
        }
        step(world, specials)?;
    }
    let ending = world.draw.below(16);
    let ending = match ending {
        0..3 => Ending::Silent,
        15 => Ending::Dripping,
        _ => Ending::Willing,
    };
    match world.draw.below(20) {
        18 => shut_down(world, Shutdown::Graceful)?,
        19 => shut_down(world, Shutdown::Immediate)?,
        // It may have been announced only.
        _ if world.is_ending => shut_down(world, Shutdown::Graceful)?,
        _ => {}
    }
    world.note(|_| format!("{ending:?}"));
    if ending == Ending::Willing {
        rest(world, ending)?;
        check_rested(world)?;
    }
    // Time ends whatever goes on.
    let mut ticks_full = 0;
    for _ in 0..TICKS_AT_MOST {
        if world.transport.is_over() {
            break;
        }
        if ending == Ending::Dripping {
            drip(world)?;
        }
        rest(world, Ending::Silent)?;
        world.pass(1)?;
        ticks_full = if world.transport.is_full && !world.transport.is_over() { ticks_full + 1 } else { 0 };
        if ticks_full > TICKS_FULL_AT_MOST {
            return Err("a peer that does not read is not cut off".into());
        }
    }
    rest(world, Ending::Silent)?;
    if !world.transport.is_over() && world.apps.iter().any(App::awaits_disconnect) {
        // Its time is not limited.
        world.is_disturbed = true;
        world.lose(true)?;
        rest(world, Ending::Silent)?;
    }
    if !world.transport.is_over() {
        return Err(format!("the connection is still {:?}", world.transport.state));
    }
    if let Some(app) = world.apps.iter().find(|app| !app.is_over) {
        return Err(format!("a call of {:?} waits for {:?} when everything is over", app.id, app.waits));
    }
    check_silence(world)
}

/// Takes one step of any kind.
fn step(world: &mut World<'_>, specials: usize) -> Result<(), Broken> {
    if world.draw.chance(specials) {
        return special(world);
    }
    match world.draw.below(12) {
        0..4 => {
            let count = world.draw.pick(&[READ_BYTES, 700, 60, 7, 1]);
            world.deliver(count)
        }
        4 | 5 => {
            let count = world.draw.pick(&[1 << 20, 3000, 100]);
            world.read(count)
        }
        6..10 => {
            let latest = world.apps.len().saturating_sub(1);
            let index = if world.draw.chance(10) { world.draw.below(world.apps.len()) } else { latest };
            world.step(index).map(drop)
        }
        10 => world.end_turn(),
        _ if specials > 0 => {
            let ticks = world.draw.pick(&[1, 1, 3, 9]);
            world.pass(ticks)
        }
        _ => Ok(()),
    }
}

/// Sends a byte, of a request or of nothing.
fn drip(world: &mut World<'_>) -> Result<(), Broken> {
    if world.delivered < world.script.until {
        return world.deliver(1);
    }
    // After a cut the byte would count as content.
    if world.transport.reads() && !world.script.ends_side && !world.script.is_cut {
        world.has_babbled = true;
        world.feed(Input::Bytes(b"~"))?;
    }
    Ok(())
}

/// Does something that happens once in the life of a connection.
fn special(world: &mut World<'_>) -> Result<(), Broken> {
    world.is_disturbed = true;
    match world.draw.below(7) {
        0 => shut_down(world, Shutdown::Graceful),
        5 => shut_down(world, Shutdown::Announced),
        1 => shut_down(world, Shutdown::Immediate),
        2 => world.lose(true),
        3 => world.lose(false),
        4 if world.transport.reads() => {
            // The transport closes by itself.
            world.feed(Input::Broken)?;
            (world.transport.state, world.lost_early) = (State::Aborted, true);
            Ok(())
        }
        _ => {
            // The peer ends its side early.
            world.script.until = world.delivered;
            world.script.ends_side = true;
            world.deliver(0)
        }
    }
}

fn shut_down(world: &mut World<'_>, how: Shutdown) -> Result<(), Broken> {
    (world.is_ending, world.is_disturbed) = (true, true);
    let was_over = world.transport.is_over();
    world.feed(Input::Shutdown(how))?;
    let is_ending = was_over || matches!(world.transport.state, State::Aborted | State::Gone);
    if how == Shutdown::Immediate && !is_ending {
        return Err(format!("{:?} after an immediate end", world.transport.state));
    }
    Ok(())
}

/// Goes on until nothing more happens by itself.
fn rest(world: &mut World<'_>, ending: Ending) -> Result<(), Broken> {
    for _ in 0..STEPS_AT_MOST {
        let before = world.progress;
        if ending == Ending::Willing {
            world.deliver(READ_BYTES)?;
            world.read(usize::MAX)?;
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

/// Checks that nothing waits that a willing peer and its applications could go on with.
fn check_rested(world: &World<'_>) -> Result<(), Broken> {
    if world.transport.is_over() || matches!(world.transport.state, State::HalfClosed | State::Closing) {
        return Ok(());
    }
    if world.apps.iter().any(App::awaits_disconnect) {
        return Ok(());
    }
    if world.transport.reads_paused {
        return Err("reading is paused for ever".into());
    }
    if world.is_ending && world.wire.is_open() && !world.script.is_cut {
        return Err("the end of the server does not end the connection".into());
    }
    if world.delivered < world.script.until {
        return Err("the input is not read".into());
    }
    if world.script.ends_side && world.transport.state == State::Open {
        return Err("the end of the peer's side does not end the connection".into());
    }
    match world.apps.iter().find(|app| !app.is_over && !app.awaits_disconnect()) {
        Some(app) if !world.script.is_cut || app.number + 1 < world.script.exchanges.len() => {
            Err(format!("a call of {:?} waits for {:?} for ever", app.id, app.waits))
        }
        _ => Ok(()),
    }
}

/// Checks that a connection which is over says nothing more.
fn check_silence(world: &mut World<'_>) -> Result<(), Broken> {
    let written = world.transport.written.len();
    for input in [
        Input::Bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input::Eof,
        Input::Writable,
        Input::Resume,
        Input::Started,
        Input::Tick(0),
        Input::Shutdown(Shutdown::Announced),
        Input::Shutdown(Shutdown::Graceful),
        Input::Shutdown(Shutdown::Immediate),
    ] {
        world.feed(input)?;
    }
    world.end_turn()?;
    if world.transport.written.len() > written {
        return Err("something is written after the end".into());
    }
    Ok(())
}
