"""The server's certificate: read, checked, and read again when its files change.

Owns which versions of TLS are spoken, what a certificate must be, and the messages about one that cannot be used. How
bytes are encrypted is in `tls_transport.py`; which operating system's signals ask for a new one, in `server.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from typing import TYPE_CHECKING, NamedTuple

from workflowsvc.options import SettingsError

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0  # between two looks at the files
DAY_SECONDS = 86_400
WARN_SECONDS = (
    14 * DAY_SECONDS
)  # before the end of a certificate: automatic renewal has long happened by then

# What OpenSSL says of a certificate whose time is over or has not come (X509_V_ERR_CERT_HAS_EXPIRED, …NOT_YET_VALID).
_OUT_OF_TIME = {10: "has expired", 9: "is not valid yet"}

Fingerprint = tuple[tuple[int, int, int] | None, ...]


class CertificateError(Exception):
    """The certificate cannot be used; the message says why, and names the file."""


class Loaded(NamedTuple):
    context: ssl.SSLContext
    ends_at: int
    """Seconds since 1970."""


def require_usable(settings: Settings) -> None:
    """SettingsError for a certificate that cannot be served, or a key without one."""
    if settings.tls_key and not settings.tls_certificate:
        raise SettingsError("--tls-key needs --tls-certificate, the certificate that it belongs to")
    if settings.tls_certificate:
        try:
            load(settings.tls_certificate, settings.tls_key or settings.tls_certificate)
        except CertificateError as error:
            raise SettingsError(f"--tls-certificate: {error}") from None


class Certificate:
    """The one that new connections are given. Belongs to the event loop."""

    def __init__(self, certificate_file: str, key_file: str, clock: Clock) -> None:
        """`key_file` may be empty: the key is in the certificate's file. CertificateError when it cannot be used."""
        self._files = (certificate_file, key_file or certificate_file)
        self._clock = clock
        self._seen = fingerprint(self._files)
        loaded = load(*self._files)
        self.context = loaded.context
        self._ends_at = loaded.ends_at
        self._reading = asyncio.Lock()
        self._reloading: asyncio.Task[None] | None = None  # kept, as the loop does not keep its tasks
        self._warned_at = 0.0
        self._log_end()

    async def watch(self) -> None:
        """Reads the certificate again whenever its files have changed, without end."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:
                log.exception("the certificate could not be looked at")

    def reload_soon(self) -> None:
        """For a signal: reads the certificate again, whether its files have changed or not."""
        self._reloading = asyncio.get_running_loop().create_task(self.reload())

    async def look(self) -> None:
        """Reads the certificate again if its files have changed."""
        if await asyncio.to_thread(fingerprint, self._files) != self._seen:
            await self.reload()
        elif self._clock.monotonic() - self._warned_at >= DAY_SECONDS:
            self._log_end()

    async def reload(self) -> None:
        """Reads the certificate again. One that cannot be used is logged, and the one before stays."""
        async with self._reading:
            # Before it is read: a file that changes meanwhile is seen to have changed.
            self._seen = await asyncio.to_thread(fingerprint, self._files)
            try:
                loaded = await asyncio.to_thread(load, *self._files)
            except CertificateError as error:
                log.error("the certificate was not replaced, the one before is still used: %s", error)
                return
            self.context, self._ends_at = loaded
            log.info("the certificate was read again from %s", self._files[0])
            self._log_end()

    def _log_end(self) -> None:
        self._warned_at = self._clock.monotonic()
        left = self._ends_at - self._clock.now_ms() / 1000
        if left < WARN_SECONDS:
            log.warning("the certificate in %s ends in %.1f days", self._files[0], left / DAY_SECONDS)


def fingerprint(files: tuple[str, ...]) -> Fingerprint:
    """What changes when one of the files is written or replaced."""
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def load(certificate_file: str, key_file: str) -> Loaded:
    """The certificate with its key, ready for use; CertificateError when clients could not accept it."""
    for file in (certificate_file, key_file):
        try:
            with open(file, "rb"):
                pass
        except OSError as error:
            raise CertificateError(f"{file} cannot be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    encrypted = False

    def ask_for_password() -> bytes:
        nonlocal encrypted
        encrypted = True  # else OpenSSL would ask at the terminal
        return b""

    try:
        context.load_cert_chain(certificate_file, key_file, ask_for_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        if encrypted:
            raise CertificateError(
                f"the key in {key_file} is encrypted: store it without a password"
            ) from None
        raise CertificateError(_why_not_loaded(error, certificate_file, key_file)) from None
    return Loaded(context, _end_of(context, certificate_file))


def _why_not_loaded(error: Exception, certificate_file: str, key_file: str) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key_file} does not belong to the certificate in {certificate_file}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate_file)
    except (ssl.SSLError, OSError):
        return f"{certificate_file} holds no certificate in PEM form"
    described = reason.replace("_", " ").lower() or str(error)
    return f"{key_file} holds no key in PEM form that can be used ({described})"


def _end_of(context: ssl.SSLContext, certificate_file: str) -> int:
    """When the certificate ends, in seconds since 1970, by a handshake with a client that knows it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= (
        ssl.VERIFY_X509_PARTIAL_CHAIN
    )  # it is trusted itself, by whatever authority it was signed
    client.load_verify_locations(certificate_file)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_side=False)
    answering = context.wrap_bio(to_server, to_client, server_side=True)
    try:
        for side in (asking, answering, asking, answering, asking):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        problem = _OUT_OF_TIME.get(error.verify_code, f"is refused by clients: {error.verify_message}")
        raise CertificateError(f"the certificate in {certificate_file} {problem}") from None
    except ssl.SSLError as error:
        raise CertificateError(
            f"the certificate in {certificate_file} cannot be used: {error.reason}"
        ) from None
    found = asking.getpeercert() or {}
    return int(ssl.cert_time_to_seconds(str(found["notAfter"])))
