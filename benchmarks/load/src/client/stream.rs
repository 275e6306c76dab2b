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

/// The longest record: its header, its content and what encryption adds (RFC 8446, section 5.2).
const RECORD_BYTES: usize = 5 + 16 * 1024 + 256;

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

    /// Returns the protocol that the handshake has chosen by ALPN; the outer `None` is clear text.
    pub(super) fn protocol(&self) -> Option<Option<&[u8]>> {
        match self {
            Self::Plain(_) => None,
            Self::Secure(stream) => Some(stream.session.alpn_protocol()),
        }
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
    ///
    /// The buffer has room for more than a record. No byte is left in the session, since no event would tell of it.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let shared = Rc::clone(&self.ciphertext);
        let mut ciphertext = shared.borrow_mut();
        // The session may have all but the last byte of a record already. The bytes of that one, and of what is received
        // now, are fewer when they are decrypted.
        let room = ciphertext.len().min(buffer.len().saturating_sub(RECORD_BYTES));
        debug_assert!(room > 0, "the buffer has no room for a record");
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use rustls::client::Resumption;
    use rustls::pki_types::CertificateDer;
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::{CertifiedKey, Signer, SigningKey};
    use rustls::{Error, ServerConfig, ServerConnection, SignatureAlgorithm, SignatureScheme};

    use super::*;

    /// A certificate and a key that only a client can accept which checks neither, as this one.
    #[derive(Debug)]
    struct Unchecked;

    impl ResolvesServerCert for Unchecked {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::new(CertifiedKey::new(vec![CertificateDer::from(vec![0])], Arc::new(Self))))
        }
    }

    impl SigningKey for Unchecked {
        fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
            Some(Box::new(Self))
        }

        fn algorithm(&self) -> SignatureAlgorithm {
            SignatureAlgorithm::ECDSA
        }
    }

    impl Signer for Unchecked {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
            Ok(vec![0])
        }

        fn scheme(&self) -> SignatureScheme {
            SignatureScheme::ECDSA_NISTP256_SHA256
        }
    }

    /// Returns a client and its server, after the handshake.
    fn pair() -> (SecureStream, TcpStream, ServerConnection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut accepted = listener.accept().unwrap().0;
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(Unchecked));
        // A ticket would be read together with the first record of data.
        config.send_tls13_tickets = 0;
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        let mut client = SecureStream::new(socket, &Tls::new(Resumption::disabled()).unwrap()).unwrap();
        while client.session.is_handshaking() || server.is_handshaking() {
            client.flush().unwrap();
            while server.is_handshaking() && server.wants_read() {
                server.read_tls(&mut accepted).unwrap();
                server.process_new_packets().unwrap();
            }
            while server.wants_write() {
                server.write_tls(&mut accepted).unwrap();
            }
            if client.session.is_handshaking() {
                client.session.read_tls(&mut client.socket).unwrap();
                client.session.process_new_packets().unwrap();
            }
        }
        (client, accepted, server)
    }

    #[test]
    fn no_byte_is_left_in_the_session_whose_last_record_was_cut() {
        let (mut client, mut socket, mut server) = pair();
        let message: Vec<u8> = (0..3 * 16 * 1024_u32).map(|number| number.to_be_bytes()[2]).collect();
        server.writer().write_all(&message).unwrap();
        let mut sent = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut sent).unwrap();
        }
        // All but the last byte of a record, and then everything: two records end in the next read.
        let cut = sent.len() / 3 - 1;
        let mut buffer = vec![0; 2 * RECORD_BYTES];
        let mut got = Vec::new();
        client.socket.set_nonblocking(true).unwrap();
        for piece in [&sent[..cut], &sent[cut..]] {
            socket.write_all(piece).unwrap();
            while client.socket.peek(&mut vec![0; piece.len()]).unwrap_or_default() < piece.len() {
                thread::yield_now();
            }
            while client.socket.peek(&mut [0]).is_ok() {
                match client.read(&mut buffer) {
                    Ok(count) => got.extend_from_slice(&buffer[..count]),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
        }
        assert_eq!(got.len(), message.len());
        assert_eq!(got, message);
    }
}
