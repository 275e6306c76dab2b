//! The raw servers: each row with nothing but its system calls, which is the limit of what a loop can reach.
//!
//! Level-triggered epoll and one receive per readiness, as in every loop here; one buffer for all connections. This
//! file listens and waits; a service handles a connection.

mod datagrams;
mod http;
mod http2;
mod parent;
mod services;
mod websocket;

use std::io;
use std::net::{TcpListener, TcpStream};

use crate::failure::{Doing, Failure};
use crate::options::Arguments;
use crate::sys::epoll::{Epoll, Event};
use crate::sys::{limits, socket};
use http::{Http, Shape};
use http2::Http2;
use parent::{STDIN_KEY, key_of, say_port, watch_stdin};
use reactor::Interest;
use services::{After, Answer, Echo, Service, Sink, Source};
use websocket::WebSocket;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let port = arguments.value("--port")?.unwrap_or(0);
    let mode: String = arguments.required("--mode")?;
    let answer_bytes: Option<usize> = arguments.value("--answer")?;
    let shape = if mode == "http" { Shape::from(&mut arguments)? } else { Shape::default() };
    let parts = if mode == "http2" { arguments.value("--parts")?.unwrap_or(0) } else { 0 };
    let is_broadcast = mode == "websocket" && arguments.flag("--broadcast");
    arguments.finish()?;
    limits::raise_descriptors()?;
    match (mode.as_str(), answer_bytes) {
        ("echo", None) => Server::new(port, Echo::new())?.serve(),
        ("answer", Some(bytes)) => Server::new(port, Answer::new(bytes))?.serve(),
        ("answer", None) => Err(Failure::Usage("--mode answer needs --answer BYTES".into())),
        ("http", Some(bytes)) => Server::new(port, Http::new(bytes, shape))?.serve(),
        ("http", None) => Err(Failure::Usage("--mode http needs --answer BYTES".into())),
        ("http2", Some(bytes)) => Server::new(port, Http2::new(bytes, parts))?.serve(),
        ("http2", None) => Err(Failure::Usage("--mode http2 needs --answer BYTES".into())),
        ("websocket", None) => Server::new(port, WebSocket::new(is_broadcast))?.serve(),
        ("source", None) => Server::new(port, Source::new())?.serve(),
        ("sink", None) => Server::new(port, Sink::new())?.serve(),
        ("close", None) => close_at_once(port),
        ("udp", None) => datagrams::serve(port),
        (_, Some(_)) => Err(Failure::Usage(format!("--answer has no place with --mode {mode}"))),
        _ => Err(Failure::Usage(format!(
            "--mode {mode}: none of echo, answer, http, http2, websocket, source, sink, close, udp"
        ))),
    }
}

/// A listener, its connections by descriptor number, and their service.
struct Server<S: Service> {
    epoll: Epoll,
    listener: TcpListener,
    connections: Vec<Option<Connection<S::State>>>,
    service: S,
}

struct Connection<State> {
    stream: TcpStream,
    state: State,
    interest: Interest,
}

impl<S: Service> Server<S> {
    fn new(port: u16, service: S) -> Result<Self, Failure> {
        let (epoll, listener) = listen(port)?;
        Ok(Self { epoll, listener, connections: Vec::new(), service })
    }

    /// Serves until the parent has gone.
    fn serve(mut self) -> Result<(), Failure> {
        let listener_key = key_of(&self.listener);
        loop {
            for number in 0..self.epoll.wait(None).doing("epoll_wait")? {
                match self.epoll.event(number) {
                    Event { key: STDIN_KEY, .. } => return Ok(()),
                    Event { key, .. } if key == listener_key => self.accept()?,
                    Event { key, .. } => self.attend(key)?,
                }
            }
        }
    }

    fn accept(&mut self) -> Result<(), Failure> {
        while let Some(stream) = accepted(&self.listener)? {
            stream.set_nodelay(true).doing("TCP_NODELAY")?;
            let key = key_of(&stream);
            self.epoll.watch(&stream, key, Interest::READABLE).doing("epoll_ctl")?;
            if self.connections.len() <= key {
                self.connections.resize_with(key + 1, || None);
            }
            let interest = Interest::READABLE;
            self.connections[key] = Some(Connection { stream, state: S::State::default(), interest });
        }
        Ok(())
    }

    #[inline]
    fn attend(&mut self, key: usize) -> Result<(), Failure> {
        // An earlier event of the same wait has ended it.
        let Some(connection) = &mut self.connections[key] else { return Ok(()) };
        let wanted = match self.service.attend(&connection.stream, &mut connection.state) {
            Ok(After::Read) => Interest::READABLE,
            Ok(After::Broadcast) => {
                self.broadcast();
                return Ok(());
            }
            Ok(After::Write) => Interest::WRITABLE,
            // A client that resets its connection has ended it as well as one that closes it.
            Ok(After::Close) | Err(_) => {
                self.connections[key] = None;
                return Ok(());
            }
        };
        if wanted != connection.interest {
            connection.interest = wanted;
            self.epoll.rewatch(&connection.stream, key, wanted).doing("epoll_ctl")?;
        }
        Ok(())
    }

    /// Sends on every connection. Nothing but a broadcast is sent, and the next is not requested until the client has
    /// the last, so the kernel has room for it; a connection without is broken, and its end comes as an event.
    fn broadcast(&mut self) {
        for connection in self.connections.iter().flatten() {
            drop(services::send(&connection.stream, self.service.broadcast()));
        }
    }
}

/// Accepts connections, and closes each.
fn close_at_once(port: u16) -> Result<(), Failure> {
    let (mut epoll, listener) = listen(port)?;
    loop {
        for number in 0..epoll.wait(None).doing("epoll_wait")? {
            if epoll.event(number).key == STDIN_KEY {
                return Ok(());
            }
            while accepted(&listener)?.is_some() {}
        }
    }
}

fn listen(port: u16) -> Result<(Epoll, TcpListener), Failure> {
    let listener = socket::listen(port).doing("listening on --port")?;
    let mut epoll = Epoll::new().doing("epoll_create1")?;
    epoll.watch(&listener, key_of(&listener), Interest::READABLE).doing("epoll_ctl")?;
    watch_stdin(&mut epoll)?;
    say_port(listener.local_addr().doing("getsockname")?.port())?;
    Ok((epoll, listener))
}

/// Returns the next connection, or `None` if the queue is empty. A connection that was aborted before is ignored.
fn accepted(listener: &TcpListener) -> Result<Option<TcpStream>, Failure> {
    loop {
        match socket::accept(listener) {
            Ok(stream) => return Ok(Some(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error).doing("accept4"),
        }
    }
}
