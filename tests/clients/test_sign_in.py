"""The clients of the page "From an empty folder", in a browser: exactly the programs and commands that it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ..browser.conftest import CHROMIUM
from ..browser.visitor import launched
from .people import Ada, need_browser
from .tutorial import PAGE, Tutorial, programs

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need_browser()
    with launched(CHROMIUM) as browser:
        yield browser


@pytest.fixture(scope="module")
def tutorial(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, node_modules: Callable[[str], Path]
) -> Iterator[Tutorial]:
    """Somebody has followed the page to its end."""
    tutorial = Tutorial(tmp_path_factory.mktemp("empty"), node_modules)
    try:
        tutorial.follow()
        yield tutorial
    finally:
        tutorial.end()


@pytest.fixture
def ada(browser: Browser) -> Iterator[Ada]:
    ada = Ada(browser)
    yield ada
    ada.leaves()


def test_every_program_is_on_the_page() -> None:
    assert sorted(re.findall(r":caption: (\S+)", PAGE.read_text())) == programs()


def test_the_web_app(tutorial: Tutorial, ada: Ada) -> None:
    provider, home, *_ = tutorial.addresses
    ada.page.goto(home)
    ada.press("Sign in")
    ada.logs_in()
    ada.sees("A web app")
    ada.press("Deny")
    ada.sees("That did not work")
    ada.press("Sign in")
    ada.press("Allow")
    ada.sees("Hello, Ada (ada@example.org)!")
    assert ada.page.url == f"{home}/"
    ada.press("Sign out")
    ada.page.get_by_role("button", name="Sign in").wait_for()
    assert ada.page.url == f"{home}/"
    ada.press("Sign in")
    ada.page.get_by_label("Password").wait_for()  # signed out at the provider, too
    ada.logs_in()
    ada.sees("Hello, Ada")  # the answer is remembered
    ada.page.goto(f"{home}/callback?state=x&code=x&iss={provider}")
    ada.sees("That did not work")
    ada.page.goto(f"{home}/callback?state=x&code=x&iss=http://elsewhere")
    ada.sees("an answer of somebody else")


def test_the_single_page_app(tutorial: Tutorial, ada: Ada) -> None:
    provider, _, home, _ = tutorial.addresses
    ada.page.goto(home)
    ada.sees("You are not signed in.")
    ada.press("Sign in")
    ada.logs_in()
    ada.press("Deny")
    assert ada.shown("error")["error"] == "access_denied"
    assert ada.page.url == f"{home}/"
    ada.press("Sign in")
    ada.press("Allow")
    ada.sees("Hello, Ada!")
    assert ada.page.url == f"{home}/", "code and state are gone from the address"
    claims = ada.shown("ada@example.org")
    assert (claims["sub"], claims["name"], claims["iss"]) == ("1", "Ada", provider)
    ada.press("Read my notes")
    assert ada.shown("status") == {"status": 200, "notes": ["The first note of ada."]}
    ada.press("Renew")
    assert ada.shown("renewed") == {"renewed": True, "sub": "1"}
    ada.press("Read my notes")
    assert ada.shown("status")["status"] == 200
    ada.press("Sign out")
    ada.sees("You are not signed in.")
    assert ada.page.url == f"{home}/"
    ada.press("Sign in")
    ada.page.get_by_label("Password").wait_for()


def test_the_service(tutorial: Tutorial, ada: Ada) -> None:
    provider, home = tutorial.addresses[0], tutorial.addresses[3]

    def told(path: str) -> Any:
        ada.page.goto(f"{home}{path}")
        return json.loads(ada.page.locator("pre").inner_text())

    assert told("/") == "Nobody is signed in."
    ada.page.goto(f"{home}/sign-in")
    asked = parse_qs(parse_qs(urlsplit(ada.page.url).query)["next"][0])
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    ada.logs_in()
    ada.press("Allow")
    ada.sees("ada@example.org")
    assert told("/") == {"sub": "1", "name": "Ada", "email": "ada@example.org"}
    assert told("/notes") == {"notes": ["The first note of ada."]}
    assert told("/refresh") == {"rotated": True, "again": True}
    assert told("/notes") == {"notes": ["The first note of ada."]}
    facts = told("/introspect")
    assert (facts["active"], facts["client_id"], facts["iss"], facts["sub"]) == (True, "service", provider, "1")
    facts = told("/machine")
    assert (facts["active"], facts["scope"]) == (True, "notes")
    assert told("/callback?code=x&state=x")["error"]
    ada.page.goto(f"{home}/sign-out")
    ada.sees("Nobody is signed in.")
    assert ada.page.url == f"{home}/"
    ada.page.goto(f"{home}/sign-in")
    ada.page.get_by_label("Password").wait_for()


def test_without_a_refresh_token_it_cannot_renew_on_this_machine(tutorial: Tutorial, ada: Ada) -> None:
    """Anybody's program could listen there: the person is asked each time, and no frame can ask (RFC 8252, 8.6)."""
    home = tutorial.addresses[2]
    tutorial.run(
        f"flask oauth2 client edit spa --grant-type authorization_code --redirect-uri {home}/ "
        f"--redirect-uri {home}/silent.html"
    )
    ada.page.goto(home)
    ada.press("Sign in")
    ada.logs_in()
    ada.press("Allow")
    ada.sees("Hello, Ada!")
    ada.press("Renew")
    assert ada.shown("error")["error"] == "consent_required"
