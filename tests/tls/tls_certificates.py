"""An authority with certificates of servers and of a client, made by openssl, and contexts that use them."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from certificates_made import need_openssl, openssl

# Two servers, told apart by the certificate: the second one is chosen by its name.
SERVER = "localhost"
OTHER_SERVER = "other.example"
CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Contexts:
    """Makes a new context at each call, from files in one folder."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate that signed all others."""
        return self.folder / "authority.pem"

    def server(self, name: str = SERVER) -> ssl.SSLContext:
        """A server's context with the certificate of this name."""
        return self.with_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), name)

    def client(self, name: str | None = None) -> ssl.SSLContext:
        """A client's context that trusts the authority and checks host names, with this certificate of its own."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.authority)
        return context if name is None else self.with_certificate(context, name)

    def with_certificate(self, context: ssl.SSLContext, name: str) -> ssl.SSLContext:
        """The same context, with the certificate and the key of this name."""
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def asking_for_certificates(self, mode: ssl.VerifyMode) -> ssl.SSLContext:
        """A server's context that asks each client for a certificate of the authority."""
        context = self.server()
        context.load_verify_locations(self.authority)
        context.verify_mode = mode
        return context


def make_contexts(folder: Path) -> Contexts:
    """Make all certificates and keys in this folder."""
    need_openssl()
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    made = Contexts(folder)
    its_key = folder / "authority.key"
    allowed = ["-addext", "keyUsage=critical,keyCertSign,digitalSignature"]
    openssl("req", "-x509", *curve, "-subj", "/CN=authority", *allowed, "-keyout", its_key, "-out", made.authority)
    signer = ["-CA", made.authority, "-CAkey", its_key, "-CAcreateserial", "-days", "2"]
    for name, names in ((SERVER, f"DNS:{SERVER},IP:127.0.0.1"), (OTHER_SERVER, f"DNS:{OTHER_SERVER}"), (CLIENT, "")):
        asked, facts = folder / f"{name}.csr", folder / f"{name}.ext"
        lines = ["keyUsage=critical,digitalSignature", "authorityKeyIdentifier=keyid", "basicConstraints=CA:FALSE"]
        facts.write_text("\n".join([*lines, f"subjectAltName={names}"] if names else lines))
        openssl("req", *curve[:-2], "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", asked)
        openssl("x509", "-req", "-in", asked, *signer, "-extfile", facts, "-out", folder / f"{name}.pem")
    return made
