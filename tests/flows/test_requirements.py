"""Lines of ``tests/REQUIREMENTS.rst`` that no other test of a whole flow covers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ..support import CALLBACK, Browser, Client, Provider, answer_of, bearer, hidden_fields, pkce
from ..test_development import path_of, press, start


def opens(provider: Provider, token: str) -> bool:
    return bool(provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200)


def refused(response: Any) -> bool:
    return (response.status_code, response.json["error"]) == (400, "invalid_grant")


# --- codes and tokens -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_a_code_stolen_from_another_session_is_useless(provider: Provider, method: str) -> None:
    """The thief's app is the client itself, and redeems with the verifier of the thief's own session."""
    client = provider.client(token_endpoint_auth_method=method)
    victims_verifier = client.verifier
    stolen = client.code(provider.browser("ada"))
    client.verifier, client.challenge = pkce()
    own = client.code(provider.browser("bob"))
    assert refused(client.exchange(stolen))
    assert client.exchange(own).status_code == 200
    assert client.exchange(stolen, code_verifier=victims_verifier).status_code == 200


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_a_withdrawn_consent_ends_the_refresh_tokens(provider: Provider, ada: Browser, method: str) -> None:
    client = provider.client(token_endpoint_auth_method=method)
    laptop, phone = client.tokens(ada), client.tokens(ada)
    waiting = client.code(ada)
    with provider.app.app_context():
        model = provider.oauth2.get_client(client.client_id)
        assert provider.oauth2.revoke_application(provider.user("ada"), model) == 3
    for tokens in (laptop, phone):
        assert not opens(provider, tokens["access_token"])
        assert refused(client.refresh(tokens["refresh_token"]))
    assert refused(client.exchange(waiting))
    assert 'name="confirm"' in ada.visit(client.address()).text


def test_a_changed_password_may_end_everything_of_a_person(provider: Provider, client: Client, ada: Browser) -> None:
    """The host's view of the change calls one verb."""
    hers, his = client.tokens(ada), client.tokens(provider.browser("bob"))
    elsewhere = provider.client(name="Other", token_endpoint_auth_method="none")
    further = elsewhere.tokens(ada)
    with provider.app.app_context():
        assert provider.oauth2.revoke_authorizations(user=provider.user("ada"), reason="password changed") == 2
    assert refused(client.refresh(hers["refresh_token"]))
    assert refused(elsewhere.refresh(further["refresh_token"]))
    assert client.refresh(his["refresh_token"]).status_code == 200


def test_a_refresh_gives_what_was_ticked_and_never_more(client: Client, ada: Browser) -> None:
    """Asked for was more than was granted: the grant is the measure."""
    page = ada.visit(client.address(scope="email notes"))
    tokens = client.exchange(answer_of(ada.answer(page))["code"]).json
    assert tokens["scope"] == "email"
    answer = client.refresh(tokens["refresh_token"], scope="email notes")
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_scope")
    again = client.refresh(tokens["refresh_token"]).json
    assert again["scope"] == "email"
    assert client.post("/oauth/introspect", token=again["refresh_token"]).json["scope"] == "email"


def test_a_public_and_a_confidential_client_side_by_side(any_provider: Provider) -> None:
    """OAuth 2.1 for both kinds, from the page to the revocation."""
    ada = any_provider.browser("ada")
    for method in ("none", "client_secret_post", "client_secret_basic"):
        client = any_provider.client(name=method, token_endpoint_auth_method=method)
        secret = {"client_secret": client.secret} if method == "client_secret_post" else {}
        sent = {"basic": method == "client_secret_basic", **secret}
        tokens = client.exchange(client.code(ada), **sent).json
        assert (tokens["token_type"], opens(any_provider, tokens["access_token"])) == ("Bearer", True)
        newer = client.refresh(tokens["refresh_token"], **sent).json
        assert opens(any_provider, newer["access_token"])
        assert client.post("/oauth/revoke", token=newer["refresh_token"], **sent).json == {}
        assert not opens(any_provider, newer["access_token"])


# --- what is kept, and where ----------------------------------------------------------------------


def test_no_value_gets_into_the_log(make: Callable[..., Provider], caplog: pytest.LogCaptureFixture) -> None:
    """A whole flow with its refusals, everything written that anybody writes."""
    caplog.set_level(logging.DEBUG)
    provider = make(config={"OAUTH2_OAUTHLIB_DEBUG": False})
    client, ada = provider.client(token_endpoint_auth_method="client_secret_post"), provider.browser("ada")
    secret = {"basic": False, "client_secret": client.secret}
    code = client.code(ada, state="state-of-mine")
    tokens = client.exchange(code, **secret).json
    newer = client.refresh(tokens["refresh_token"], **secret).json
    with provider.app.app_context():
        personal = provider.oauth2.create_personal_token(provider.user("ada"), name="laptop", scopes=["email"])
    api = provider.api()
    api.get("/oauth/ping/", headers=bearer(newer["access_token"]))
    api.get("/oauth/invalid/", headers=bearer(personal))
    api.get(f"/oauth/ping/?access_token={newer['access_token']}")
    client.post("/oauth/token", basic=True, grant_type="client_credentials")
    api.post(f"/oauth/token?client_secret={client.secret}", data={"grant_type": "refresh_token"})
    client.post("/oauth/introspect", token=newer["access_token"], **secret)
    client.refresh(tokens["refresh_token"], **secret)  # a replay
    client.exchange(code, **secret)
    client.post("/oauth/revoke", token=newer["refresh_token"], **secret)
    api.get("/oauth/ping/", headers=bearer(newer["access_token"]))
    assert "flask_oauth2server" in {record.name.partition(".")[0] for record in caplog.records}
    values = [client.secret, client.verifier, code, personal]
    values += [answer[name] for answer in (tokens, newer) for name in ("access_token", "refresh_token")]
    written = caplog.text
    assert [value[:8] for value in values if value and value in written] == []


def test_no_database_row_holds_a_value(any_provider: Provider) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    code = client.code(ada)
    tokens = client.exchange(code).json
    with any_provider.app.app_context():
        personal = any_provider.oauth2.create_personal_token(any_provider.user("ada"), name="x", scopes=["email"])
        models = any_provider.oauth2.models
        stored = " ".join(str(vars(row)) for model in models for row in any_provider.db.session.query(model))
    for value in (code, client.secret, client.verifier, personal, tokens["access_token"], tokens["refresh_token"]):
        assert str(value) not in stored


def test_the_provider_sets_no_cookie_of_its_own(provider: Provider, client: Client) -> None:
    """All that it keeps in the browser is in the session of Flask, whose flags are the host's."""
    provider.app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_PATH="/")
    provider.app.config["SESSION_COOKIE_NAME"] = "__Host-session"
    browser = Browser(provider)
    seen: list[str] = []

    def go(method: str, address: str, **sent: Any) -> Any:
        response = browser.http.open(address, method=method, base_url="https://localhost", **sent)
        seen.extend(response.headers.get_all("Set-Cookie"))
        return response

    login = go("GET", client.address()).headers["Location"]
    page = go("GET", go("POST", login, data={"name": "ada"}).headers["Location"])
    fields = {**hidden_fields(page), "confirm": "yes"}
    referrer = {"Referer": "https://localhost/oauth/authorize"}
    assert "code" in answer_of(go("POST", client.address(), data=fields, headers=referrer))
    assert seen
    for cookie in seen:
        name, _, flags = cookie.partition("=")
        assert name == "__Host-session"
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(flags.split("; "))


# --- the pages of the bare start ------------------------------------------------------------------


def test_pages_of_the_bare_start_carry_the_security_headers(tmp_path: Path) -> None:
    """The sign-in page among them: it is ours there, and the host's everywhere else."""
    app, printed = start(tmp_path)
    http = app.test_client()
    shut_out = http.get("/oauth/")
    begin = http.get(path_of(printed), follow_redirects=True)
    sign_in = http.get("/oauth/sign-in/")
    press(http, begin, "/oauth/sign-in/", name="ada")
    asked = press(http, http.get("/oauth/"), "/oauth/try-it/").headers["Location"]
    consent = http.get(asked)
    result = http.get(press(http, consent, asked, confirm="yes").headers["Location"])
    for page in (shut_out, begin, sign_in, consent, result):
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        assert "http://" not in page.text.replace("http://127.0.0.1", "").replace("http://localhost", "")
        assert "//cdn" not in page.text


def test_a_cookie_from_before_the_sign_in_is_worth_nothing_after_it(tmp_path: Path) -> None:
    """An attacker who planted it is not signed in when the victim is."""
    app, printed = start(tmp_path)
    victim, attacker = app.test_client(), app.test_client()
    page = victim.get(path_of(printed), follow_redirects=True)
    planted = victim.get_cookie("session").value
    attacker.set_cookie("session", planted)
    press(victim, page, "/oauth/sign-in/", name="ada")
    assert victim.get_cookie("session").value != planted
    assert "Signed in as" in victim.get("/oauth/").text
    assert "Signed in as" not in attacker.get("/oauth/").text


def test_each_login_is_a_session_of_its_own(provider: Provider, client: Client) -> None:
    browser = provider.browser("ada")
    browser.allow(client.address())
    browser.allow(client.address())
    browser.sign_in("ada")
    browser.allow(client.address())
    browser.sign_out()
    browser.sign_in("ada")
    browser.allow(client.address())
    with provider.app.app_context():
        rows = provider.db.session.query(provider.oauth2.models.Authorization).all()
        sids = [row.sid for row in sorted(rows, key=lambda row: row.id)]
    assert all(sids)
    assert sids[0] == sids[1]
    assert len(set(sids)) == 3


# --- silent renewal -------------------------------------------------------------------------------


def test_a_browser_app_renews_silently(provider: Provider, ada: Browser) -> None:
    """``prompt=none`` shows no page, whoever is there."""
    client = provider.client(token_endpoint_auth_method="none", grant_types=["authorization_code"])
    client.tokens(ada)
    for _ in range(2):
        client.verifier, client.challenge = pkce()
        response = ada.visit(client.address(prompt="none"))
        assert (response.status_code, response.headers["Location"].partition("?")[0]) == (302, CALLBACK)
        tokens = client.exchange(answer_of(response)["code"]).json
        assert opens(provider, tokens["access_token"])
    ada.sign_out()
    parts = urlsplit(ada.visit(client.address(prompt="none")).headers["Location"])
    assert dict(parse_qsl(parts.query))["error"] == "login_required"
