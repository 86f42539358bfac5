"""The servers of the browser tests and their database, and people at browsers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from flask import session
from flask_login import login_user

from ..conftest import close
from ..support import Client, Provider
from . import data, host
from .watch import ARGUMENTS, Watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response

ROOT = Path(__file__).parent.parent.parent
SIGNED_IN = ("main", "worn", "strict", "unready")
#: Milliseconds after which something that is waited for does not come any more.
PATIENCE = 20_000


@contextlib.contextmanager
def launched(executable: str, *arguments: str) -> Iterator[Browser]:
    """Chromium without a window. Playwright is imported here, so that it may be missing.

    :param arguments: further ones; the last of a name counts.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*ARGUMENTS, *arguments])
        yield browser
        browser.close()


class World:
    """The servers.

    :ivar urls: their addresses by name; see :mod:`.serve`.
    :ivar provider: the same application as the server ``main``, in this process, on the same database.
    """

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.urls = urls
        self._people = 0
        self.database = folder / "browser.sqlite"
        port = int(urls["main"].rpartition(":")[2])
        self.provider: Provider = host.build(f"sqlite:///{self.database}", port)

    def new_person(self, name: str) -> str:
        """A person who has allowed nothing yet; returns the name, which is made unique."""
        self._people += 1
        name = f"{name} {self._people}"
        with self.provider.app.app_context():
            data.add_person(self.provider, name)
        return name

    def client(self, **values: Any) -> Client:
        """A client application that runs: people who come back to it see "Welcome back"."""
        callback = f"{self.urls['client']}/callback"
        return self.provider.client(**{"redirect_uris": [callback], "scopes": data.EVERYTHING, **values})

    def cookie(self, name: str) -> str:
        """The session cookie of a person who has signed in."""
        app = self.provider.app
        with app.test_request_context():
            login_user(self.provider.user(name))
            answer = app.response_class()
            app.session_interface.save_session(app, session, answer)  # type: ignore[arg-type]
        return answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]

    def count(self, model: str, name: str, **columns: Any) -> int:
        """How many rows of a model are of the person *name*."""
        with self.provider.app.app_context():
            rows = self.provider.db.session.query(getattr(self.provider.oauth2.models, model))
            return int(rows.filter_by(user_id=self.provider.user(name).id, **columns).count())


@contextlib.contextmanager
def running(folder: Path, moment: str | None = None) -> Iterator[World]:
    """The servers while the block lasts.

    :param moment: at which their clock stands still.
    """
    command = [sys.executable, "-m", "tests.browser.serve", str(folder), *([moment] if moment else [])]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    assert process.stdin is not None and process.stdout is not None
    try:
        told = process.stdout.readline()
        assert told, (folder / "serve.log").read_text()
        world = World(folder, json.loads(told))
        yield world
        close(world.provider)
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(10)
        process.stdout.close()


class Visitor:
    """A person at a browser.

    :ivar page: the tab that is in front.
    :ivar watch: what the browser had to complain of.
    """

    def __init__(self, world: World, context: BrowserContext, name: str | None) -> None:
        self.world = world
        self.context = context
        context.set_default_timeout(PATIENCE)
        self.watch = Watch(context)
        if name is not None:
            self.sign_in(name)
        self.page: Page = context.new_page()

    def sign_in(self, name: str) -> None:
        """Sign in at all servers, as if it had been done before."""
        value = self.world.cookie(name)
        self.context.add_cookies(
            [{"name": f"{app}_session", "value": value, "domain": "127.0.0.1", "path": "/"} for app in SIGNED_IN]
        )

    def visit(self, path: str, app: str = "main") -> Response:
        """Go to an address of one of the servers."""
        response = self.page.goto(f"{self.world.urls[app]}{path}")
        assert response is not None
        return response

    def press(self, name: str, exact: bool = True) -> None:
        """Press the button of that name."""
        self.button(name, exact).click()

    def button(self, name: str, exact: bool = True) -> Locator:
        """The button of that name."""
        return self.page.get_by_role("button", name=name, exact=exact)

    @property
    def heading(self) -> str:
        """The heading of the page."""
        return self.page.locator("h1").inner_text()

    def sees(self, text: str) -> bool:
        """Whether the page shows *text* now."""
        return self.page.get_by_text(text).first.is_visible()

    def focused(self) -> str:
        """What has the focus: its label or words; the body's is empty."""
        return str(
            self.page.evaluate(
                """() => {
                    const one = document.activeElement;
                    if (!one || one === document.body) return "";
                    return (one.closest("label") || one).innerText.replace(/\\s+/g, " ").trim();
                }"""
            )
        )

    def tab_to(self, words: str, most: int = 80) -> list[str]:
        """Press Tab until what has the focus begins with *words*; everything that had it, in order."""
        passed: list[str] = []
        while not (passed and passed[-1].startswith(words)):
            assert len(passed) < most, (words, passed)
            self.page.keyboard.press("Tab")
            passed.append(self.focused())
        return passed

    def another_tab(self) -> Page:
        """A second tab of the same browser."""
        return self.context.new_page()

    def log_in(self, name: str) -> None:
        """Fill in the host's login page, which is in front."""
        self.page.get_by_label("Name").fill(name)
        self.press("Sign in")

    def answer(self) -> dict[str, str]:
        """What the client application was handed: the person has come back to it."""
        self.page.locator("h1", has_text="Welcome back").wait_for()
        return dict(parse_qsl(urlsplit(self.page.url).query))
