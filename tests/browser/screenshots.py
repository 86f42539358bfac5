"""The pictures of the User Guide: ``python -m tests.browser.screenshots`` writes them to ``docs/images/``.

The clock of the servers stands still and nothing is left to chance, so they are the same each time.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import states
from .conftest import CHROMIUM, missing
from .data import NORA, THEO, TOMAS
from .states import ALL, HOUSE, LINK, PAPERTRAIL, SETTINGS, asking
from .visitor import ROOT, Visitor, World, launched, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = ROOT / "docs" / "images"
#: What the clock of the servers shows.
MOMENT = "2026-10-15T09:42"
LARGEST = 120 * 1024


@dataclass(frozen=True)
class Picture:
    """A picture of one page.

    :ivar name: of the file.
    :ivar person: who looks at the page.
    :ivar path: where it is.
    :ivar then: what is done there.
    :ivar width: of the window.
    :ivar height: where the picture ends; None: with the page.
    """

    name: str
    person: str
    path: str
    then: Callable[[Visitor], None] | None = None
    width: int = 720
    height: int | None = None
    dark: bool = False


def _open_first(visitor: Visitor) -> None:
    row = visitor.page.locator("#authorised .o2-details").first
    row.locator("summary").first.click()
    row.get_by_text("Revoke access…").click()


def _open_details(visitor: Visitor) -> None:
    visitor.page.get_by_text("Technical details").click()


def _made(visitor: Visitor) -> None:
    states._fill_in_client(visitor, "Shelf Reader")
    visitor.page.get_by_text("Copy its secret now").wait_for()


def _token(visitor: Visitor) -> None:
    visitor.page.locator("#name").fill("laptop: nightly export")
    for scope in ("items.read", "notes.read"):
        visitor.page.locator(f"[name=scopes][value='{scope}']").check()


def _made_token(visitor: Visitor) -> None:
    _token(visitor)
    visitor.press("Create token")
    visitor.page.get_by_text("Copy your token now").wait_for()


CONSENT = asking("papertrail", LINK, ALL)
LOOPBACK = asking("citations", "http://127.0.0.1:53682/callback")
PICTURES = (
    Picture("consent", NORA, CONSENT),
    Picture("consent-dark", NORA, CONSENT, dark=True),
    Picture("consent-phone", NORA, LOOPBACK, width=390),
    Picture("applications", THEO, SETTINGS, _open_first, width=880, height=910),
    Picture("application-form-errors", NORA, states.NEW_CLIENT, states._refused_client, width=1060, height=1000),
    Picture("application-secret", NORA, states.NEW_CLIENT, _made, width=1060, height=900),
    Picture("application", THEO, PAPERTRAIL, width=1060, height=880),
    Picture("personal-token-form", NORA, states.NEW_TOKEN, _token, width=880, height=900),
    Picture("personal-token", NORA, states.NEW_TOKEN, _made_token, width=880),
    Picture("security-events", THEO, states.SECURITY, width=880, height=860),
    Picture("admin-client", TOMAS, f"{HOUSE}clients/harvester/", width=1120, height=770),
    Picture("admin-keys", TOMAS, states.KEYS, width=1120, height=843),
    Picture("error", NORA, asking("papertrail", "https://reader.papertrail.example/call-back"), _open_details),
)


def taken(browser: Browser, world: World) -> Iterator[tuple[Path, int]]:
    """Take them all; each file and its size."""
    for picture in PICTURES:
        context = browser.new_context(
            viewport={"width": picture.width, "height": 400},
            color_scheme="dark" if picture.dark else "light",
            reduced_motion="reduce",
            user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        )
        visitor = Visitor(world, context, picture.person)
        visitor.visit(picture.path)
        if picture.then is not None:
            picture.then(visitor)
        page = visitor.page
        page.wait_for_timeout(200)  # until what takes the focus on arrival has it
        page.evaluate("document.activeElement.blur()")
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0)")
        height = picture.height or page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": picture.width, "height": height})
        page.wait_for_timeout(200)
        path = FOLDER / f"{picture.name}.png"
        page.screenshot(path=path, animations="disabled")
        context.close()
        yield path, path.stat().st_size


def main() -> None:
    """Take all pictures and say what they weigh."""
    if (reason := missing()) is not None:
        sys.exit(reason)
    FOLDER.mkdir(exist_ok=True)
    os.environ["TZ"] = "UTC"
    too_large = []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), MOMENT) as world, launched(CHROMIUM) as browser:
        for path, size in taken(browser, world):
            print(f"{path.relative_to(ROOT)}  {size / 1024:.0f} KB", flush=True)
            too_large += [path.name] if size > LARGEST else []
    if too_large:
        sys.exit(f"larger than {LARGEST // 1024} KB: {', '.join(too_large)}")


if __name__ == "__main__":
    main()
