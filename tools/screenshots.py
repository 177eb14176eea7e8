"""`python -m tools.screenshots`: pictures of the console's main pages, for the documents.

Owns the list of pictures and how they are taken: the console on a port of its own, in front of a shop whose clock
stands still (`order_shop.py`), in the browser of this machine. So a picture changes when the console does. Must not
know how the shop came to be.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tools.chromium import chromium, what_is_missing
from tools.console_service import ConsoleService
from tools.order_shop import SHOP, OrderShop
from tools.palette_png import reduced
from workflowsvc.console.listener import ConsoleServer
from workflowsvc.console.paths import path

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from workflowsvc.console.calls import ConsoleService

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "console"
WIDTH, HEIGHT = 1280, 800
MAX_HEIGHT = 1100  # of a page that is longer, the upper part is shown
MAX_BYTES = 120_000
API_PORT = 8888
TABS = "nav.tabs"  # of a run


class Picture(NamedTuple):
    """One page."""

    name: str
    address: str
    scheme: str = "light"
    top: str = ""
    """What the picture begins with, as a selector; the page's head without it."""


def pictures(shop: OrderShop) -> list[Picture]:
    """All that the documents show."""
    run = path("domains", SHOP, "runs", shop.featured["workflowId"], shop.featured["runId"])
    return [
        Picture("domains", "/domains"),
        Picture("executions", path("domains", SHOP, "executions")),
        Picture("executions-dark", path("domains", SHOP, "executions"), "dark"),
        Picture("run", f"{run}?tab=compact"),
        Picture("run-dark", f"{run}?tab=compact", "dark"),
        Picture("timeline", f"{run}?tab=timeline&idle=folded", top=TABS),
        Picture("events", f"{run}?tab=events", top=TABS),
        Picture("pending", f"{run}?tab=pending", top=TABS),
        Picture("task-lists", path("domains", SHOP, "task-lists")),
        Picture("problems", path("domains", SHOP, "problems")),
    ]


@contextmanager
def console_of(shop: OrderShop) -> Generator[str]:
    """The address of a console that shows the shop."""
    world = shop.world
    numbers = itertools.count(0x17)  # in place of chance: the same in every picture
    settings = replace(world.settings, port=API_PORT, console_port="0")
    server = ConsoleServer(
        cast("ConsoleService", ConsoleService(world)),
        settings,
        world.clock,
        lambda size: (next(numbers) % 256).to_bytes() * size,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server.bind(API_PORT, None)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(server.drain(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def take(browser: Browser, console: str, picture: Picture, now_ms: int) -> bytes:
    """The picture as PNG."""
    scheme = cast("Any", picture.scheme)
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": WIDTH, "height": HEIGHT},
        timezone_id="Europe/Lisbon",
    )
    try:
        page = context.new_page()
        page.clock.set_fixed_time(now_ms / 1000)  # ages are counted by the page
        page.goto(console + picture.address)
        top = page.locator(picture.top).bounding_box() if picture.top else None
        begin = int(top["y"]) - 12 if top else 0
        height = min(max(_height(page) - begin, 400), MAX_HEIGHT)
        clip: Any = {"x": 0, "y": begin, "width": WIDTH, "height": height}
        png = page.screenshot(animations="disabled", caret="hide", full_page=True, clip=clip)
        return reduced(browser, png)
    finally:
        context.close()


def _height(page: Page) -> int:
    return int(page.evaluate("document.querySelector('footer').getBoundingClientRect().bottom + scrollY"))


def main() -> int:
    """Writes the pictures; exit status 2 where there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are written")
    folder: Path = parser.parse_args().folder
    if missing := what_is_missing():
        sys.stderr.write(f"No picture is taken: {missing}.\n")
        return 2
    # The shop has lists without pollers, on purpose.
    logging.getLogger("workflowsvc").setLevel(logging.ERROR)
    shop = OrderShop().open()
    folder.mkdir(parents=True, exist_ok=True)
    too_large = False
    with console_of(shop) as console, chromium() as browser:
        for picture in pictures(shop):
            data = take(browser, console, picture, shop.world.clock.now_ms())
            file = folder / f"{picture.name}.png"
            file.write_bytes(data)
            sys.stdout.write(f"{file.name:<24} {len(data) / 1000:>6.1f} kB\n")
            too_large |= len(data) > MAX_BYTES
    if too_large:
        sys.stderr.write(f"A picture has more than {MAX_BYTES // 1000} kB.\n")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
