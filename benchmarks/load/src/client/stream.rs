//! A connection of a client, in clear text or over TLS.
//!
//! Either is read and written in the same way, also where the kernel takes or has only a part. `tls.rs` has what all
//! connections over TLS share.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;

use rustls::ClientConnection;

use super::tls::{Ciphertext, Tls};
use crate::failure::Failure;

pub(super) enum Stream {
    Plain(TcpStream),
    Secure(Box<SecureStream>),
}

impl Stream {
    /// Returns the connection over TLS if there are settings for it. No byte is sent yet.
    pub(super) fn new(socket: TcpStream, tls: Option<&Tls>) -> Result<Self, Failure> {
        match tls {
            None => Ok(Self::Plain(socket)),
            Some(tls) => Ok(Self::Secure(Box::new(SecureStream::new(socket, tls)?))),
        }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Secure(stream) => &stream.socket,
        }
    }

    pub(super) fn is_secure(&self) -> bool {
        matches!(self, Self::Secure(_))
    }

    /// Makes the handshake, on a socket that blocks.
    pub(super) fn shake_hands(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Secure(stream) => {
                while stream.session.is_handshaking() {
                    stream.session.complete_io(&mut stream.socket)?;
                }
                Ok(())
            }
        }
    }

    /// Returns whether bytes that were accepted wait for the kernel.
    #[inline]
    pub(super) fn has_unsent(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Secure(stream) => stream.session.wants_write(),
        }
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Secure(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(data),
            Self::Secure(stream) => stream.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Secure(stream) => stream.flush(),
        }
    }
}

pub(super) struct SecureStream {
    pub(super) socket: TcpStream,
    pub(super) session: ClientConnection,
    ciphertext: Ciphertext,
}

impl SecureStream {
    pub(super) fn new(socket: TcpStream, tls: &Tls) -> Result<Self, Failure> {
        Ok(Self { socket, session: tls.session()?, ciphertext: tls.ciphertext() })
    }
}

impl Read for SecureStream {
    /// Receives once. `WouldBlock` if no byte of the application has come of it, 0 when the socket has ended.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let shared = Rc::clone(&self.ciphertext);
        let mut ciphertext = shared.borrow_mut();
        // Decrypted bytes are fewer, so all of them fit into the buffer.
        let room = ciphertext.len().min(buffer.len());
        let received = self.socket.read(&mut ciphertext[..room])?;
        if received == 0 {
            return Ok(0);
        }
        let (mut left, mut count) = (&ciphertext[..received], 0);
        while !left.is_empty() {
            self.session.read_tls(&mut left)?;
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            if state.plaintext_bytes_to_read() > 0 {
                count += self.session.reader().read(&mut buffer[count..])?;
            }
        }
        if self.session.wants_write() {
            self.flush()?;
        }
        if count > 0 { Ok(count) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}

impl Write for SecureStream {
    /// Accepts everything, and sends what the kernel takes now.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let accepted = self.session.writer().write(data)?;
        self.flush()?;
        Ok(accepted)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                result => result?,
            };
        }
        Ok(())
    }
}
