"""One browser and one process of servers for each worker; a context of its own for each test."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ..conftest import DEMANDED
from .visitor import Visitor, World, launched, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: The first is the same browser without windows, whose pages cost a third.
PROGRAMS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = os.environ.get("OAUTH2_TEST_CHROMIUM") or next(
    (program for program in PROGRAMS if os.access(program, os.X_OK)), PROGRAMS[0]
)


def missing() -> str | None:
    """Why there can be no browser tests here, or None."""
    if not os.access(CHROMIUM, os.X_OK):
        return f"there is no {CHROMIUM}: install Debian's package, or name one with OAUTH2_TEST_CHROMIUM"
    for name in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(name) is None:
            return f"there is no {name}: install the extra tests"
    return None


# Of the package and not of the session: while Playwright runs, no other test can run an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; skips where there is none."""
    reason = missing()
    if reason is not None:
        if "chromium" in DEMANDED:
            pytest.fail(reason)
        pytest.skip(reason)
    with launched(CHROMIUM) as browser:
        yield browser


@pytest.fixture(scope="package")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The servers, and their database."""
    with running(tmp_path_factory.mktemp("browser")) as world:
        yield world


@pytest.fixture
def visitor(browser: Browser, world: World) -> Iterator[Callable[..., Visitor]]:
    """Opens browsers of people; none of them may have had anything to complain of."""
    opened: list[Visitor] = []

    def visitor(name: str | None = None, **options: Any) -> Visitor:
        opened.append(Visitor(world, browser.new_context(**options), name))
        return opened[-1]

    yield visitor
    for one in opened:
        one.context.close()
    complaints = [line for one in opened for line in one.watch.complaints]
    assert complaints == []


@pytest.fixture
def person(world: World) -> str:
    """The name of a new person, of this test alone."""
    return world.new_person("Kim Park")
