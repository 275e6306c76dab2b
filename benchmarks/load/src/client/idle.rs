//! Opens connections and holds them until stdin ends: what is left of a server then is what they cost it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use super::{STALL_LIMIT, target};
use crate::answer;
use crate::failure::{Doing, Failure};
use crate::options::Arguments;
use crate::sys::socket;

/// One address has 28 thousand ports for connections to one target; a tenth of that leaves room for others.
const CONNECTIONS_PER_ADDRESS: usize = 2_500;
/// All that 127.0.0.x has, which is more than the descriptors that a process may open.
const ADDRESSES: usize = 250;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let greeting = vec![b'g'; arguments.value("--greet")?.unwrap_or(0)];
    arguments.finish()?;
    if count > CONNECTIONS_PER_ADDRESS * ADDRESSES {
        return Err(Failure::Usage(format!("--connections {count}: more than there are addresses for")));
    }
    let held = (0..count).map(|number| open(number, target, &greeting)).collect::<Result<Vec<_>, _>>()?;
    answer::line(&format!("{{\"connections\": {}}}", held.len()))?;
    io::copy(&mut io::stdin(), &mut io::sink()).doing("reading stdin")?;
    Ok(())
}

/// A connection on which a greeting has been echoed, if there is one.
fn open(number: usize, target: SocketAddrV4, greeting: &[u8]) -> Result<TcpStream, Failure> {
    let last_octet = u8::try_from(1 + number / CONNECTIONS_PER_ADDRESS).unwrap_or(u8::MAX);
    let source = Ipv4Addr::new(127, 0, 0, last_octet);
    let mut stream = socket::connect_from(source, target).doing("connecting")?;
    if !greeting.is_empty() {
        stream.set_read_timeout(Some(STALL_LIMIT)).doing("SO_RCVTIMEO")?;
        stream.write_all(greeting).doing("greeting")?;
        let mut echoed = vec![0; greeting.len()];
        stream.read_exact(&mut echoed).map_err(|error| {
            Failure::Peer(format!("the server did not echo the greeting of connection {number}: {error}"))
        })?;
    }
    Ok(stream)
}
