//! `vitok-load`: the load generator of the benchmarks over sockets, and the raw epoll servers that are their limit.
//!
//! A program that measures a loop must not be in Python, nor cost more than the loop. One process is one client or one
//! server, with one thread. It answers in lines of JSON on stdout. Loops and CPU times are not known here, and nothing
//! is compared: `vitok bench` does that. It needs Linux, because of epoll.

// Without the commands, nothing uses their shared parts.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "elsewhere only the refusal is left"))]

mod agreement;
mod answer;
#[cfg(target_os = "linux")]
mod client;
mod failure;
#[cfg(target_os = "linux")]
mod frames;
mod histogram;
mod options;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod sys;
mod window;

use std::env;
use std::process::ExitCode;

use failure::Failure;
use options::Arguments;

const USAGE: &str = "\
vitok-load COMMAND OPTIONS; see benchmarks/README.md
  raw     --mode echo|answer|http|http2|websocket|source|sink|close|udp [--port 0] [--answer BYTES]
          http also: [--parts N] [--body BYTES] [--close]; http2 also: [--parts N]; websocket also: [--broadcast]
  echo    --connect HOST:PORT [--connections N] [--size BYTES] [--answer BYTES] [--rate PER_SECOND] [--tls] EXTENT
  http    --connect HOST:PORT [--connections N] [--pipeline P] [--path /] [--body BYTES]
          [--content TEXT] [--type MEDIA_TYPE] [--rate PER_SECOND] [--tls] EXTENT
  http2   the same with [--streams S] for [--pipeline P]
  websocket --connect HOST:PORT [--connections N] [--path /] [--size BYTES] [--binary] [--deflate] [--broadcast]
          [--rate PER_SECOND] [--tls] EXTENT
  visit   --connect HOST:PORT [--concurrency N] [--path /] EXTENT
  udp     --connect HOST:PORT [--sockets N] [--size BYTES] EXTENT
  connect --connect HOST:PORT [--concurrency N] EXTENT
  pull    --connect HOST:PORT [--connections N] EXTENT
  push    --connect HOST:PORT [--connections N] EXTENT
  handshake --connect HOST:PORT [--concurrency N] [--resume] EXTENT
  idle    --connect HOST:PORT [--connections N] [--greet BYTES | --path /] [--tls]
          or: --http2 [--path /] [--tls]
          or: --websocket [--path /] [--greet BYTES] [--deflate]
EXTENT is one of --seconds S, --operations K, --stdin (each line of stdin is `seconds S` or `operations K`).
Every command takes --core N; clients take --spin: never sleep while an answer is due.";

/// The exit code for invalid options, as in most programs.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    match run(Arguments::new(env::args().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure @ Failure::Usage(_)) => {
            answer::complain(&format!("{failure}\n{USAGE}"));
            ExitCode::from(EXIT_USAGE)
        }
        Err(failure) => {
            answer::complain(&failure.to_string());
            // The parent reads the reason from stdout; if even that fails, it has the exit code.
            answer::error(&failure).map_or(ExitCode::FAILURE, |()| ExitCode::FAILURE)
        }
    }
}

#[cfg(target_os = "linux")]
fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let command = arguments.command()?;
    if let Some(core) = arguments.value("--core")? {
        sys::limits::pin_to(core)?;
    }
    match command.as_str() {
        "raw" => raw::run(arguments),
        "echo" => client::echo::run(arguments),
        "http" => client::http::run(arguments),
        "http2" => client::http2::run(arguments),
        "udp" => client::udp::run(arguments),
        "connect" => client::connect::run(arguments),
        "pull" => client::pull::run(arguments),
        "push" => client::push::run(arguments),
        "handshake" => client::handshake::run(arguments),
        "idle" => client::idle::run(arguments),
        "visit" => client::visit::run(arguments),
        "websocket" => client::websocket::run(arguments),
        _ => Err(Failure::Usage(format!("unknown command {command:?}"))),
    }
}

#[cfg(not(target_os = "linux"))]
fn run(_: Arguments) -> Result<(), Failure> {
    Err(Failure::Usage("vitok-load is built on epoll and runs on Linux only".into()))
}
