"""Signing in to the console of a real server: by TLS, with its certificate replaced, past silent connections, and in a
real browser."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from pathlib import Path

import httpx
import pytest

from tests.console.conftest import WHOLE
from tests.console.enforced import Enforced, enforced_server
from tests.console.guarded_console import SAME_SITE
from tests.console.real_browser import Watched, require_browser
from tests.http import certificates
from tests.support.server import HOST
from tests.support.waiting import until
from tools.chromium import chromium
from workflowsvc.console.door import PLAIN_REFUSAL


async def sign_in(client: httpx.AsyncClient, it: Enforced) -> httpx.Response:
    fields = {"key-id": it.key.id, "secret": it.key.secret, "next": "/domains"}
    return await client.post("/sign-in", data=fields, headers=SAME_SITE)


def test_the_console_of_an_enforcing_server_asks_who_comes(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            enforced_server(tmp_path) as it,
            httpx.AsyncClient(base_url=it.console) as client,
        ):
            assert (await client.get("/domains")).status_code == 303
            assert (await client.get("/domains.json")).status_code == 401
            assert (await sign_in(client, it)).status_code == 303
            page = await client.get("/domains")
            assert page.status_code == 200
            assert "Signed in as ann" in page.text
            assert '"event": "signed-in"' in it.server.said()
            # A new server knows no session of the old one.
            await it.server.stop()
            await it.server.start()
            assert (await client.get("/domains")).status_code == 303

    asyncio.run(scene())


def test_with_auth_log_all_readers_on_this_machine_may_look(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            enforced_server(tmp_path, auth="log") as it,
            httpx.AsyncClient(base_url=it.console) as client,
        ):
            assert (await client.get("/domains")).status_code == 200
            assert (await client.get("/sign-in")).status_code == 404

    asyncio.run(scene())


def test_it_speaks_tls_with_the_certificate_of_the_api_and_takes_a_new_one(tmp_path: Path) -> None:
    files = certificates.make(tmp_path)

    async def certificate() -> bytes | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        port = int(it_console.rpartition(":")[2])
        _, writer = await asyncio.open_connection(HOST, port, ssl=context)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found

    async def scene() -> None:
        nonlocal it_console
        async with enforced_server(tmp_path, **files.settings()) as it:
            it_console = it.console
            async with httpx.AsyncClient(base_url=it.console, verify=files.client_context()) as client:
                answer = await sign_in(client, it)
                assert answer.headers["set-cookie"].startswith("__Host-workflowsvc=")
                assert "Secure" in answer.headers["set-cookie"]
                assert (await client.get("/domains")).status_code == 200
                # A file of megabytes arrives in pieces.
                page = await client.get("/import")
                token = page.text.partition('name="form_token" value="')[2].partition('"')[0]
                sent = await client.post(
                    "/import",
                    data={"form_token": token},
                    files={"file": ("x.json", b"x" * 3_000_000)},
                    headers={k: v for k, v in SAME_SITE.items() if k != "content-type"},
                )
                assert sent.status_code == 200
                assert 'class="refusal"' in sent.text
            first = await certificate()
            certificates.make(tmp_path)
            os.kill(it.server.pid, signal.SIGHUP)
            await asyncio.to_thread(
                until, lambda: "the certificate was read again" in it.server.said(), "it is read again"
            )
            assert await certificate() != first
            # Who speaks http there is told so.
            port = int(it.console.rpartition(":")[2])
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.read() == PLAIN_REFUSAL
            writer.close()

    it_console = ""
    asyncio.run(scene())


@pytest.mark.skipif(not WHOLE, reason="takes long: `make soak` does it, with BROWSE_ALL=1")
def test_a_person_signs_in_looks_around_and_signs_out(tmp_path: Path) -> None:
    require_browser()
    queue: list[str] = []

    async def scene() -> None:
        async with enforced_server(tmp_path, policy="SwfReadOnly") as it:
            await asyncio.to_thread(_look, it)

    def _look(it: Enforced) -> None:
        with chromium() as browser:
            for scheme in ("light", "dark"):
                watched = Watched(browser, it.console, scheme)
                page = watched.open("/domains?status=DEPRECATED")
                assert page.title().startswith("Sign in")
                watched.require_accessible("sign in")
                page.get_by_label("Access key id").fill(it.key.id)
                page.get_by_label("Secret access key").fill(it.key.secret)
                page.keyboard.press("Enter")
                page.wait_for_url("**/domains?status=DEPRECATED")
                page.get_by_text("Signed in as ann").wait_for()
                page.get_by_text("Register a domain: your policies do not allow").wait_for()
                watched.require_accessible("domains")
                watched.open("/problems")
                (cookie,) = page.context.cookies()
                assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")  # type: ignore[index]
                assert page.evaluate("document.cookie") == ""
                # In another tab; the one that stays open goes to the sign-in by itself.
                other = page.context.new_page()
                other.goto(it.console + "/domains")
                other.get_by_role("button", name="Sign out").click()
                other.get_by_text("You are signed out").wait_for()
                page.wait_for_url("**/sign-in?next=**")
                queue.append(scheme)

    asyncio.run(scene())
    assert queue == ["light", "dark"]
