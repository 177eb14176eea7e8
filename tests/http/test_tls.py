"""The certificate: what is said of a wrong one, how it is replaced while the server runs, and who is let in."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import SSLError
from botocore.session import Session

from tests.http import certificates
from tests.http.certificates import Files
from tests.http.support import LIST_DOMAINS, Raw, Running, running
from tests.http.test_serve import serve
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.http import tls
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings


def swf(url: str, **options: Any) -> Any:
    """A client of AWS's SDK, which repeats nothing."""
    session = Session()
    session.set_credentials("AKID", "secret")
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=30)
    return session.create_client("swf", "us-east-1", endpoint_url=url, config=config, **options)


def refusal(**settings: Any) -> str:
    with pytest.raises(SettingsError) as raised:
        tls.require_usable(Settings(**{name: str(value) for name, value in settings.items()}))
    return str(raised.value)


# --- a certificate that cannot be used ---


def test_a_good_certificate_is_loaded_with_its_end(tmp_path: Path) -> None:
    files = certificates.make(tmp_path, ends_in_days=30)
    loaded = tls.load(str(files.certificate), str(files.key))
    assert loaded.context.minimum_version == ssl.TLSVersion.TLSv1_2
    both = tmp_path / "both.pem"
    both.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    assert tls.load(str(both), str(both)).ends_at == loaded.ends_at
    tls.require_usable(Settings(tls_certificate=str(both)))


def test_a_key_that_belongs_to_another_certificate(tmp_path: Path) -> None:
    one, other = certificates.make(tmp_path, "one"), certificates.make(tmp_path, "other")
    assert refusal(tls_certificate=one.certificate, tls_key=other.key) == (
        f"--tls-certificate: the key in {other.key} does not belong to the certificate in {one.certificate}"
    )


def test_a_certificate_whose_time_is_over_or_has_not_come(tmp_path: Path) -> None:
    over = certificates.make(tmp_path, "over", begins_in_days=-2, ends_in_days=-1)
    assert (
        refusal(**over.settings()) == f"--tls-certificate: the certificate in {over.certificate} has expired"
    )
    early = certificates.make(tmp_path, "early", begins_in_days=1)
    assert refusal(**early.settings()).endswith(f"{early.certificate} is not valid yet")


def test_files_that_cannot_be_read_or_hold_something_else(tmp_path: Path) -> None:
    files = certificates.make(tmp_path)
    missing, text = tmp_path / "missing.pem", tmp_path / "text.pem"
    text.write_text("no certificate")
    assert refusal(tls_certificate=missing).endswith(f"{missing} cannot be read: No such file or directory")
    assert refusal(tls_certificate=tmp_path).endswith(f"{tmp_path} cannot be read: Is a directory")
    assert refusal(tls_certificate=text, tls_key=files.key).endswith(
        f"{text} holds no certificate in PEM form"
    )
    assert f"{text} holds no key in PEM form" in refusal(tls_certificate=files.certificate, tls_key=text)
    assert f"{files.certificate} holds no key" in refusal(tls_certificate=files.certificate)
    assert (
        refusal(tls_key=files.key) == "--tls-key needs --tls-certificate, the certificate that it belongs to"
    )


def test_an_encrypted_key_is_not_asked_for_at_the_terminal(tmp_path: Path) -> None:
    files = certificates.make(tmp_path, password=b"password")
    assert refusal(**files.settings()).endswith(
        f"the key in {files.key} is encrypted: store it without a password"
    )


def test_serve_says_what_is_wrong_with_a_certificate_before_it_opens_its_store(tmp_path: Path) -> None:
    over = certificates.make(tmp_path, "over", begins_in_days=-2, ends_in_days=-1)
    store = tmp_path / "new.db"
    options = [f"--tls-certificate={over.certificate}", f"--tls-key={over.key}", f"--store=sqlite:{store}"]
    with serve(tmp_path, *options) as served:
        assert served.process.wait(PATIENCE_SECONDS) == 2
        assert "has expired" in served.said
    assert not store.exists()


# --- clients ---


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return certificates.make(tmp_path)


def test_an_sdk_that_trusts_the_certificate_is_answered(files: Files) -> None:
    with running(**files.settings()) as server:
        url = f"https://localhost:{server.port}"
        answer = swf(url, verify=str(files.certificate)).list_domains(registrationStatus="REGISTERED")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        with pytest.raises(SSLError):
            swf(url).list_domains(registrationStatus="REGISTERED")


def test_plain_http_to_the_port_of_https_is_told_so(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    with running(**files.settings()) as server, Raw(server.port) as client:
        with caplog.at_level(logging.INFO):
            client.send(LIST_DOMAINS)
            answer = client.answer()
        assert (answer.status, answer.code) == (400, "MalformedHttpRequestException")
        assert answer.json["message"] == "This address is served by HTTPS"
        assert "date" in answer.headers
        assert client.is_closed()
        assert "a TLS handshake of 127.0.0.1 failed: http request" in caplog.text
        assert not server.service.calls


def test_what_is_neither_ends_the_connection(files: Files) -> None:
    with running(**files.settings()) as server:
        for data in (
            b"\x00" * 100,
            b"SSH-2.0-x\r\n",
            b"\x16\x03\x01\x00\x05hello" * 100,
            b"\x15\x03\x03\x00\x02\x02\x28",
        ):
            with Raw(server.port) as client:
                client.send(data)
                client.socket.shutdown(socket.SHUT_WR)
                while client.socket.recv(1_000):
                    pass  # an alert
        until(lambda: server.open_connections == 0, "all are forgotten")


def test_garbage_after_the_handshake_ends_the_connection(files: Files) -> None:
    with running(**files.settings()) as server, server.client() as client:
        client.send(LIST_DOMAINS)
        assert client.answer().status == 200
        os.write(client.socket.fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)
        until(lambda: server.open_connections == 0, "the connection is cut off")


def test_versions_before_1_2_are_refused(files: Files) -> None:
    with running(**files.settings()) as server:
        for version in ("-tls1_1", "-tls1_2", "-tls1_3"):
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", version]
            command += ["-cipher", "DEFAULT@SECLEVEL=0"] if version != "-tls1_3" else []
            done = subprocess.run(
                command, input=b"", capture_output=True, timeout=PATIENCE_SECONDS, check=False
            )
            assert (done.returncode == 0) == (version != "-tls1_1"), done.stderr


# --- a new certificate ---


def name_shown(server: Running) -> str:
    """The common name in the certificate that the server shows now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    from cryptography import x509

    with Raw(server.port) as plain, context.wrap_socket(plain.socket) as encrypted:
        shown = x509.load_der_x509_certificate(encrypted.getpeercert(binary_form=True) or b"")
    return shown.subject.rfc4514_string().removeprefix("CN=")


def replace(files: Files, by: Files) -> None:
    """The certificate first, then the key: between the two they do not fit."""
    os.replace(by.certificate, files.certificate)
    os.replace(by.key, files.key)


def test_files_that_change_are_read_again_and_open_connections_go_on(files: Files, tmp_path: Path) -> None:
    with running(**files.settings()) as server, server.client() as before:
        before.send(LIST_DOMAINS)
        assert before.answer().status == 200
        assert name_shown(server) == "server"
        certificate = server.server.certificate
        assert certificate is not None
        server.do(certificate.look())
        assert name_shown(server) == "server"
        replace(files, certificates.make(tmp_path, "renewed"))
        server.do(certificate.look())
        assert name_shown(server) == "renewed"
        before.send(LIST_DOMAINS)
        assert before.answer().status == 200


def test_a_wrong_certificate_is_logged_once_and_the_old_one_stays(
    files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(**files.settings()) as server:
        certificate = server.server.certificate
        assert certificate is not None
        renewed = certificates.make(tmp_path, "renewed")
        os.replace(renewed.certificate, files.certificate)
        with caplog.at_level(logging.INFO):
            for _ in range(3):
                server.do(certificate.look())
        kept = "the certificate was not replaced, the one before is still used: the key in"
        assert caplog.text.count(kept) == 1
        assert name_shown(server) == "server"
        os.replace(renewed.key, files.key)
        server.do(certificate.look())
        assert name_shown(server) == "renewed"
        files.certificate.unlink()
        server.do(certificate.look())
        assert "cannot be read: No such file" in caplog.text
        assert name_shown(server) == "renewed"


def test_a_certificate_that_ends_soon_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = certificates.make(tmp_path, ends_in_days=3)
    with running(**files.settings()):
        assert f"the certificate in {files.certificate} ends in 3.0 days" in caplog.text


def test_sighup_reads_it_again(files: Files, tmp_path: Path) -> None:
    options = [f"--tls-certificate={files.certificate}", f"--tls-key={files.key}"]
    with serve(tmp_path, *options) as served:
        assert f"API       https://127.0.0.1:{served.port}\n" in served.said
        assert f"export AWS_ENDPOINT_URL_SWF=https://127.0.0.1:{served.port}\n" in served.said
        served.process.send_signal(signal.SIGHUP)
        until(lambda: "the certificate was read again from" in served.said, "it is read again")
        with Raw(served.port, files=files) as client:
            client.send(LIST_DOMAINS)
            assert client.answer().status == 200
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_SECONDS) == 0
