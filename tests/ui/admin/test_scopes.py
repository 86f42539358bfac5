"""Scopes, which clients may ask for them, and which clients are resource servers."""

from __future__ import annotations

from typing import Any

import pytest

from flask_oauth2server import Scope
from flask_oauth2server.ui.admin import scopes

from ...support import Browser, Provider
from ..pages import heading, parse, words

SCOPES = "/admin/oauth2/scopes/"


def listed(page: Any) -> dict[str, list[str]]:
    """The cells of the first table, by the name of the row."""
    body = parse(page).all("tbody")[0]
    return {row.one("th").text: [cell.text for cell in row.all("td")] for row in body.all("tr")}


@pytest.fixture
def filled(provider: Provider) -> Browser:
    """Ada, who looks at scopes of every kind and at some clients."""
    register = provider.app.extensions["oauth2server"].scopes.register
    register(Scope("burn", "Burn it", "Danger", powerful=True, default=True))
    register(Scope("log", internal=True))
    provider.client(client_id="reader", name="Reader", scopes=["email", "notes"])
    provider.client(client_id="writer", name="Writer", scopes=["email", "burn"])
    provider.client(client_id="api", name="Items API", scopes=[], may_introspect=True, redirect_uris=[])
    return provider.browser("ada")


def test_each_scope_says_what_it_is_and_who_may_ask(filled: Browser) -> None:
    page = filled.visit(SCOPES)
    assert listed(page) == {
        "email": ["Read your e-mail address", "–", "required", "2 clients may ask for email"],
        "profile": ["See your name", "–", "required", "0 clients may ask for profile"],
        "notes": ["Read your notes", "–", "Optional", "1 clients may ask for notes"],
        "openid": ["Sign you in with your account here", "–", "required", "0 clients may ask for openid"],
        "offline_access": ["Go on while you are away", "–", "required", "0 clients may ask for offline_access"],
        "burn": ["Burn it", "Danger", "Default Powerful", "1 clients may ask for burn"],
        "log": ["no sentence: people see the id", "–", "Internal", "0 clients may ask for log"],
    }
    assert "Counted among all clients." in words(page)
    assert "Items API api Enabled" in words(page) and "Registered no more" not in words(page)


def test_the_clients_of_one_scope(filled: Browser) -> None:
    page = filled.visit(f"{SCOPES}?scope=email")
    assert heading(page) == "email" and listed(page) == {"Writer": ["writer"], "Reader": ["reader"]}
    assert "3 clients were looked through: all there are." in words(page)
    assert "None of these clients may ask for it." in words(filled.visit(f"{SCOPES}?scope=profile"))
    assert parse(page).one("a", href="/admin/oauth2/clients/writer/").text == "Writer"


def test_what_is_not_counted_is_not_claimed(filled: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "SCANNED", 2)
    page = filled.visit(SCOPES)
    assert listed(page)["email"][3].startswith("1 ") and "Counted among the latest 2 clients" in words(page)
    first = filled.visit(f"{SCOPES}?scope=email")
    assert listed(first) == {"Writer": ["writer"]} and "The latest 2 clients were looked through." in words(first)
    (older,) = [a.attributes["href"] for a in parse(first).all("a") if a.text == "Next"]
    rest = filled.visit(older)
    assert listed(rest) == {"Reader": ["reader"]} and "The next older 1 client was looked through." in words(rest)
    assert not [a for a in parse(rest).all("a") if a.text == "Next"]


def test_the_clients_of_one_scope_are_turned(filled: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "PAGE", 1)
    names, page = [], filled.visit(f"{SCOPES}?scope=email")
    while True:
        names += listed(page)
        older = [a.attributes["href"] for a in parse(page).all("a") if a.text == "Next"]
        if not older:
            break
        page = filled.visit(older[0])
    assert names == ["Writer", "Reader"]


def test_a_scope_that_is_not_registered(provider: Provider, filled: Browser) -> None:
    assert "No scope “none” is registered." in words(filled.visit(f"{SCOPES}?scope=none"))
    registry = provider.app.extensions["oauth2server"].scopes
    registry._scopes.pop("burn")
    page = filled.visit(SCOPES)
    assert "Registered no more" in words(page) and "Nobody is given them: burn" in words(page)


def test_odd_words_in_the_address(filled: Browser) -> None:
    for odd in ("%00", "%f0%9f%99%82", "a" * 3000, "%22%3E%3Cscript%3E"):
        page = filled.visit(f"{SCOPES}?scope={odd}&after={odd}")
        assert page.status_code == 200 and "<script>" not in page.text
    assert filled.visit(f"{SCOPES}?scope=email&after={'9' * 99}").status_code == 200
