"""The host in ``examples/themed/``: the provider's pages wear its layout, its variables and its menu."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "examples" / "themed"
SETTINGS = "/account/settings/applications/"
CONSENT = (
    "/oauth/authorize?response_type=code&client_id=watering-calendar&scope=email&code_challenge_method=S256"
    f"&code_challenge={'x' * 43}"
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The example, filled, and a browser that is signed in as ada."""
    spec = importlib.util.spec_from_file_location("themed_example", FOLDER / "app.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # by which Flask finds its folder
    spec.loader.exec_module(module)
    database = tmp_path_factory.mktemp("themed") / "themed.sqlite"
    app = module.create_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}", OAUTH2_ENABLE_RATE_LIMITS=False)
    with app.app_context():
        module.fill()
        module.fill()  # a second start finds what is there
    browser = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/login").text)
    assert token is not None
    answer = browser.post("/login", data={"name": "ada", "csrf_token": token[1]})
    assert answer.location == SETTINGS
    yield SimpleNamespace(module=module, app=app, browser=browser)
    with app.app_context():
        module.db.session.remove()
        module.db.engine.dispose()
    del sys.modules[spec.name]


@pytest.mark.parametrize("address", [SETTINGS, f"{SETTINGS}tokens/new/", CONSENT, "/oauth/errors/"])
def test_every_page_stands_in_the_hosts_layout(host: Any, address: str) -> None:
    page = host.browser.get(address)
    assert page.status_code == 200, page.text
    assert page.text.count("<!doctype html>") == page.text.count("<main") == page.text.count("</main>") == 1
    assert '<header class="host-top">' in page.text and "a garden of one's own" in page.text
    assert re.search(r"<title>.+ · Allotment</title>", page.text)
    assert 'class="o2"' in page.text
    ours, theirs = page.text.index("/oauth/static/oauth2server.css"), page.text.index("/static/themed.css")
    assert ours < theirs, "the host has the last word"


def test_the_stylesheet_sets_three_variables_which_ours_reads(host: Any) -> None:
    with host.browser.get("/static/themed.css") as answer:
        theirs = answer.text
    assert re.findall(r"^  (--o2-[\w-]+):", theirs, re.M) == ["--o2-accent", "--o2-font", "--o2-radius"]
    with host.browser.get("/oauth/static/oauth2server.css") as answer:
        ours = answer.text
    for name in ("--o2-accent", "--o2-font", "--o2-radius"):
        assert f"  {name}: " in ours and f"var({name})" in ours, name
    assert ours.index(":where(:root)") < ours.index("--o2-accent:"), "any rule for the root wins"


def test_one_block_has_the_hosts_menu(host: Any) -> None:
    page = host.browser.get(SETTINGS).text
    menu = re.search(r'<div class="o2-menu"><nav class="host-menu".*?</nav></div>', page, re.S)
    assert menu is not None
    assert f'<a href="{SETTINGS}" aria-current="page">Applications</a>' in menu[0]
    assert '<a href="/account/">Account</a>' in menu[0]
    assert "Greenhouse thermometer" in page and "Watering Calendar" in page
    assert "host-menu" not in host.browser.get(f"{SETTINGS}tokens/new/").text, "one page, and no other"
    assert len(list((FOLDER / "templates" / "oauth2server").rglob("*.html"))) == 1


def test_the_consent_page_calls_the_person_as_the_host_does(host: Any) -> None:
    page = host.browser.get(CONSENT).text
    assert '<bdi class="o2-name">Ada</bdi>' in page and "ada@example.org" in page
    assert 'src="/static/mark.svg"' in page


def test_all_is_from_this_server_and_nothing_is_inline(host: Any) -> None:
    for address in (SETTINGS, CONSENT, "/", "/account/", "/login"):
        page = host.browser.get(address)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http:" not in policy, policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page.text), address
        loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:href|src)="([^"]+)"', page.text)
        assert loaded and all(re.match(r"/(?!/)", source) for source in loaded), loaded
        for source in loaded:
            with host.browser.get(source) as answer:
                assert answer.status_code == 200, source


def test_the_login_of_the_host_is_asked_and_leads_nowhere_else(host: Any) -> None:
    assert host.module.local_path("/account/") == "/account/"
    assert host.module.local_path("//elsewhere.example/") is None
    stranger = host.app.test_client()
    answer = stranger.get(SETTINGS)
    assert answer.status_code == 302 and answer.location.startswith("/login?next=")
    page = stranger.get("/login").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    refused = stranger.post("/login", data={"name": "nobody", "csrf_token": token[1]})
    assert refused.status_code == 200 and "Nobody here has that name." in refused.text
