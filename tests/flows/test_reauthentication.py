"""``prompt=login`` and ``max_age``: proving again who one is, without a loop (OpenID Connect Core, 3.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import session
from flask_login import confirm_login

from flask_oauth2server import clock

from ..support import Browser, Client, Provider, answer_of

MAX_STEPS = 10


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + seconds)


def walk(browser: Browser, address: str, name: str = "ada") -> tuple[Any, int]:
    """Follow redirects as a browser does, sign in where that is asked; the last answer, and how often."""
    signed_in = 0
    response = browser.visit(address)
    for _ in range(MAX_STEPS):
        location = response.headers.get("Location", "")
        if not location.startswith("/"):
            return response, signed_in
        if location.startswith("/login"):
            signed_in += 1
            response = browser.http.post(location, data={"name": name})
        elif location.startswith("/refresh"):
            signed_in += 1
            response = browser.http.post(location)
        else:
            response = browser.visit(location)
    raise AssertionError("a loop")


@pytest.fixture
def client(provider: Provider) -> Client:
    client = provider.client()
    provider.browser("ada").allow(client.address())
    return client


def test_prompt_login_asks_a_signed_in_person_once(client: Client, ada: Browser) -> None:
    response, signed_in = walk(ada, client.address(prompt="login"))
    assert signed_in == 1
    assert answer_of(response)["code"]


def test_prompt_login_asks_each_time(client: Client, ada: Browser) -> None:
    for _ in range(2):
        assert walk(ada, client.address(prompt="login"))[1] == 1


def test_prompt_login_for_somebody_who_is_not_signed_in(provider: Provider, client: Client) -> None:
    response, signed_in = walk(provider.browser(), client.address(prompt="login"))
    assert (signed_in, "code" in answer_of(response)) == (1, True)


def test_prompt_login_with_consent(client: Client, ada: Browser) -> None:
    page, signed_in = walk(ada, client.address(prompt="login consent"))
    assert (signed_in, page.status_code) == (1, 200)
    assert answer_of(ada.answer(page))["code"]


def test_max_age_that_is_kept(client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 100)
    response, signed_in = walk(ada, client.address(max_age="10000"))
    assert (signed_in, "code" in answer_of(response)) == (0, True)


def test_max_age_that_is_over(client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 100)
    response, signed_in = walk(ada, client.address(max_age="99"))
    assert (signed_in, "code" in answer_of(response)) == (1, True)


def test_max_age_of_nothing_does_not_loop(client: Client, ada: Browser) -> None:
    response, signed_in = walk(ada, client.address(max_age="0"))
    assert (signed_in, "code" in answer_of(response)) == (1, True)


def test_prompt_none_with_a_max_age_that_is_over(client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 100)
    answer = answer_of(ada.visit(client.address(prompt="none", max_age="99")))
    assert answer["error"] == "login_required"


def test_the_time_of_the_login_is_stored(provider: Provider, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = provider.browser("ada")
    signed_in_at = clock.now()
    at(monkeypatch, 50)
    browser.allow(client.address())
    with provider.app.app_context():
        model = provider.oauth2.models.Authorization
        row = provider.db.session.query(model).order_by(model.id.desc()).first()
        assert abs((row.auth_time - signed_in_at).total_seconds()) <= 1
        assert row.sid


def test_a_remembered_session_has_no_time(make: Callable[..., Provider]) -> None:
    from flask_login import login_user

    provider = make()

    @provider.app.post("/remember")
    def remember() -> str:
        login_user(provider.user("ada"), remember=True)
        return "remembered"

    client = provider.client()
    browser = provider.browser("ada")
    browser.allow(client.address())
    browser.http.post("/remember")
    browser.http.delete_cookie("session")
    assert answer_of(browser.visit(client.address(prompt="none")))["code"]
    answer = answer_of(browser.visit(client.address(prompt="none", max_age="100000")))
    assert answer["error"] == "login_required"


def test_a_login_view_that_clears_the_session(make: Callable[..., Provider]) -> None:
    def before(app: Any) -> None:
        login = app.view_functions["login"]

        def clearing() -> Any:
            from flask import request

            if request.method == "POST":
                session.clear()
            return login()

        app.view_functions["login"] = clearing

    provider = make(before=before)
    client, ada = provider.client(), provider.browser("ada")
    ada.allow(client.address())
    response, signed_in = walk(ada, client.address(prompt="login"))
    assert (signed_in, "code" in answer_of(response)) == (1, True)


def test_a_refresh_view_is_used_where_there_is_one(make: Callable[..., Provider]) -> None:
    def before(app: Any) -> None:
        app.login_manager.refresh_view = "refresh"

        @app.post("/refresh")
        def refresh() -> Any:
            from flask import redirect, request

            confirm_login()
            return redirect(request.args["next"])

    provider = make(before=before)
    client, ada = provider.client(), provider.browser("ada")
    ada.allow(client.address())
    location = ada.visit(ada.visit(client.address(prompt="login")).headers["Location"]).headers["Location"]
    assert location.startswith("/refresh?next=")
    response, signed_in = walk(ada, client.address(prompt="login"))
    assert (signed_in, "code" in answer_of(response)) == (1, True)


def test_a_login_before_the_proof_does_not_count(client: Client, ada: Browser) -> None:
    proof = ada.visit(client.address(prompt="login")).headers["Location"]
    assert "reauthenticated=" in proof
    again = ada.visit(proof)
    assert again.headers["Location"].startswith("/login?")


def test_a_proof_is_good_for_its_request_alone(provider: Provider, client: Client, ada: Browser) -> None:
    from urllib.parse import parse_qsl, urlencode, urlsplit

    proof = dict(parse_qsl(urlsplit(ada.visit(client.address(prompt="login")).headers["Location"]).query))
    ada.sign_in("ada")
    other = (
        client.address(prompt="login", state="other") + "&" + urlencode({"reauthenticated": proof["reauthenticated"]})
    )
    response = ada.visit(other)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/oauth/authorize?")


@pytest.mark.parametrize("forged", ["x", "a.b.c", "ü", "WyJ4Iiw5OTk5OTk5OTk5XQ.x.y"])
def test_a_forged_proof_is_none(client: Client, ada: Browser, forged: str) -> None:
    from urllib.parse import quote

    response = ada.visit(f"{client.address(prompt='login')}&reauthenticated={quote(forged)}")
    assert response.headers["Location"].startswith("/oauth/authorize?")


def test_an_old_proof_is_none(client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    proof = ada.visit(client.address(prompt="login")).headers["Location"]
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 601)
    assert ada.visit(proof).headers["Location"].startswith("/oauth/authorize?")


def test_another_person_signs_in_on_the_way(provider: Provider, client: Client, ada: Browser) -> None:
    page, signed_in = walk(ada, client.address(prompt="login"), name="bob")
    assert (signed_in, page.status_code) == (1, 200)  # bob has not consented yet
    assert "bob" in page.text


def test_a_login_gives_the_session_its_id_at_once(provider: Provider) -> None:
    """Two tabs that need one at the same moment have the same one."""
    ada = provider.browser("ada")
    with ada.http.session_transaction() as session:
        assert session["_oauth2_sid"]
