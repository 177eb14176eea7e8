"""Certificates made for a test: good ones, and such as must be refused."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Files(NamedTuple):
    certificate: Path
    key: Path

    def settings(self) -> dict[str, str]:
        return {"tls_certificate": str(self.certificate), "tls_key": str(self.key)}

    def client_context(self) -> ssl.SSLContext:
        """Of a client that trusts this certificate alone."""
        return ssl.create_default_context(cafile=str(self.certificate))


def make(
    folder: Path,
    name: str = "server",
    *,
    begins_in_days: float = -1,
    ends_in_days: float = 30,
    password: bytes | None = None,
) -> Files:
    """A certificate that signs itself, for this machine, in files of this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins_in_days))
        .not_valid_after(now + timedelta(days=ends_in_days))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Files(folder / f"{name}.pem", folder / f"{name}.key")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encryption = (
        serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    )
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    return files
