"""An authority with certificates that it has signed, made by openssl.

The fixture `certificates` skips a test where there is no openssl.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from certificates_made import openssl

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = ("-days", "2")


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority: the certificate and the key in one file, and the certificate alone."""

    both: Path
    certificate: Path

    @classmethod
    def make(cls, folder: Path, name: str = "authority") -> "Authority":
        """Make one, in files of this name."""
        both, certificate = folder / f"{name}.both.pem", folder / f"{name}.pem"
        key = folder / f"{name}.key"
        usage = ["-addext", "keyUsage=critical,keyCertSign,digitalSignature"]
        openssl("req", "-x509", *_CURVE, *_DAYS, "-subj", f"/CN={name}", *usage, "-keyout", key, "-out", certificate)
        both.write_text(key.read_text() + certificate.read_text())
        return cls(both, certificate)

    def sign(self, name: str, *, subject: str = "", names: str = "", is_authority: bool = False) -> Path:
        """Sign a certificate for these names (DNS:a,IP:b). Return the file with its key and itself."""
        folder = self.both.parent
        key, asked, signed, facts = (folder / f"{name}.{kind}" for kind in ("key", "csr", "signed", "ext"))
        lines = [f"basicConstraints=critical,CA:{str(is_authority).upper()}", "authorityKeyIdentifier=keyid"]
        lines.append("keyUsage=critical,digitalSignature" + (",keyCertSign" if is_authority else ""))
        facts.write_text("\n".join([*lines, f"subjectAltName={names}"] if names else lines))
        utf8 = ["-utf8", "-multivalue-rdn"]
        openssl("req", *_CURVE, *utf8, "-subj", subject or f"/CN={name}", "-keyout", key, "-out", asked)
        signer = ["-CA", self.certificate, "-CAkey", self.both, "-CAcreateserial", *_DAYS]
        openssl("x509", "-req", "-in", asked, *signer, "-extfile", facts, "-out", signed)
        both = folder / f"{name}.both.pem"
        both.write_text(key.read_text() + signed.read_text())
        return both

    def between(self, name: str) -> "Authority":
        """Sign another authority."""
        both = self.sign(name, is_authority=True)
        return Authority(both, both.with_name(f"{name}.signed"))

    def trusted(self, certificate: Path | None = None) -> ssl.SSLContext:
        """A client's context that trusts this authority, with a certificate of its own, or without."""
        made = ssl.create_default_context(cafile=str(self.certificate))
        if certificate is not None:
            made.load_cert_chain(certificate)
        return made


def pem_of(path: Path) -> str:
    """The first certificate in a file, as `ssl` writes it."""
    text = path.read_text()
    end = "-----END CERTIFICATE-----"
    first = text[text.index("-----BEGIN CERTIFICATE-----") :].partition(end)[0] + end
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(first))
