"""RP-initiated logout: who is signed out without a question, and who is sent where."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from flask_oauth2server import jose

from ..openid import signed_in
from ..support import ISSUER, Browser, Client, Provider, answer_of, bearer, hidden_fields
from ..ui.pages import later

Make = Callable[..., Provider]
AFTER = "https://client.example/signed-out"


@pytest.fixture
def reader(provider: Provider) -> Client:
    return provider.client(scopes=["openid", "email"], post_logout_redirect_uris=[AFTER, f"{AFTER}?a=b"])


@pytest.fixture
def hint(reader: Client, ada: Browser) -> str:
    return signed_in(reader, ada)["id_token"]


def leave(browser: Browser, **sent: str | None) -> Any:
    return browser.visit("/oauth/logout?" + urlencode({n: v for n, v in sent.items() if v is not None}))


def is_signed_in(browser: Browser, client: Client) -> bool:
    return "code" in answer_of(browser.visit(client.address(scope="openid", prompt="none")))


def confirm(browser: Browser, page: Any) -> Any:
    return browser.http.post(page.request.full_path, data=hidden_fields(page))


def test_who_is_named_is_signed_out_and_sent_back(reader: Client, ada: Browser, hint: str) -> None:
    response = leave(ada, id_token_hint=hint, post_logout_redirect_uri=AFTER, state="a b&c")
    assert response.location == f"{AFTER}?state=a+b%26c"
    assert (response.headers["Cache-Control"], response.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert not is_signed_in(ada, reader)


def test_without_state_none_comes_back(reader: Client, ada: Browser, hint: str) -> None:
    assert leave(ada, id_token_hint=hint, post_logout_redirect_uri=AFTER).location == AFTER
    assert leave(ada, id_token_hint=hint, post_logout_redirect_uri=f"{AFTER}?a=b", state="s").location == (
        f"{AFTER}?a=b&state=s"
    )


def test_an_expired_hint_is_as_good(reader: Client, ada: Browser, hint: str) -> None:
    with later(days=30):
        assert leave(ada, id_token_hint=hint, post_logout_redirect_uri=AFTER).location == AFTER
    assert not is_signed_in(ada, reader)


def test_the_hint_of_another_server_that_had_the_same_issuer_and_key(make: Make) -> None:
    """Authlib writes the one audience as a list (RFC 7519, 4.1.3)."""
    key = jose.imported(jose.made("RS256"))
    keys = json.dumps({"keys": [key.material.as_dict(private=True)]})
    provider = make(config={"OAUTH2_SIGNING_KEYS": keys})
    provider.client(client_id="reader", scopes=["openid"], post_logout_redirect_uris=[AFTER])
    for audience, believed in (("reader", True), (["reader"], True), (["reader", "other"], False), ([], False)):
        old = jose.signed({"iss": ISSUER, "sub": "1", "aud": audience, "exp": 1}, key)
        answer = leave(provider.browser("ada"), id_token_hint=old, post_logout_redirect_uri=AFTER)
        assert answer.location == (AFTER if believed else None), audience


def test_by_post(reader: Client, ada: Browser, hint: str) -> None:
    """From another site: the session cookie may not have come along, so it goes on as GET."""
    sent = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": "s"}
    there = ada.http.post("/oauth/logout", data=sent)
    assert (there.status_code, there.location.startswith("/oauth/logout?")) == (303, True)
    assert ada.visit(there.location).location == f"{AFTER}?state=s"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", f"{AFTER}?foo=bar", f"{AFTER}/", "javascript:x", "x"])
def test_nobody_is_sent_where_the_client_has_not_said(reader: Client, ada: Browser, hint: str, elsewhere: str) -> None:
    page = leave(ada, id_token_hint=hint, post_logout_redirect_uri=elsewhere, state="s")
    assert (page.status_code, "Location" in page.headers) == (400, False)
    assert is_signed_in(ada, reader)


def test_hints_that_are_not_believed(provider: Provider, reader: Client, ada: Browser, hint: str) -> None:
    """The person is asked, and sent nowhere, whatever they answer."""
    claims = {"iss": ISSUER, "sub": "1", "aud": reader.client_id}
    stranger = jose.signed(claims, jose.imported(jose.made("RS256")))
    unsigned = "eyJhbGciOiJub25lIn0." + hint.split(".")[1] + "."
    for bad in (stranger, unsigned, hint[:-8] + "AAAAAAAA", "x", None):
        page = leave(ada, id_token_hint=bad, post_logout_redirect_uri=AFTER, state="s")
        assert (page.status_code, "Sign out of" in page.text, is_signed_in(ada, reader)) == (200, True, True)
    done = confirm(ada, page)
    assert (done.status_code, "You are signed out" in done.text) == (200, True)
    assert not is_signed_in(ada, reader)


@pytest.mark.parametrize("sent", [{}, {"state": "s"}, {"logout_hint": "ada"}])
def test_without_a_hint_the_person_is_asked(reader: Client, ada: Browser, sent: dict[str, str]) -> None:
    signed_in(reader, ada)
    page = leave(ada, **sent)
    assert "You asked to sign out" in page.text
    assert is_signed_in(ada, reader)
    assert "You are signed out" in confirm(ada, page).text
    assert not is_signed_in(ada, reader)


def test_an_answer_needs_the_token_of_the_page(reader: Client, ada: Browser) -> None:
    signed_in(reader, ada)
    page = ada.http.post("/oauth/logout?state=s", data={"confirm": "yes", "csrf_token": "forged"})
    assert "Sign out of" in page.text
    assert is_signed_in(ada, reader)


def test_the_hint_of_somebody_else_asks_first(provider: Provider, reader: Client, hint: str) -> None:
    bob = provider.browser("bob")
    signed_in(reader, bob)
    page = leave(bob, id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert "Reader</bdi> has signed you out and asks whether" in page.text
    assert is_signed_in(bob, reader)
    assert confirm(bob, page).location == AFTER
    assert not is_signed_in(bob, reader)


def test_the_hint_of_another_session_asks_first(provider: Provider, reader: Client, hint: str) -> None:
    """It is suspect (RP-Initiated Logout, 2): any client that has ever signed somebody in would sign them out
    for good, wherever they are."""
    elsewhere = provider.browser("ada")
    page = leave(elsewhere, id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert page.status_code == 200 and is_signed_in(elsewhere, reader)
    assert confirm(elsewhere, leave(elsewhere, id_token_hint=hint, post_logout_redirect_uri=AFTER)).location == AFTER
    assert not is_signed_in(elsewhere, reader)


def test_what_userinfo_has_signed_is_no_hint(provider: Provider, ada: Browser) -> None:
    client = provider.client(scopes=["openid"], userinfo_signed_response_alg="RS256", post_logout_redirect_uris=[AFTER])
    token = signed_in(client, ada)["access_token"]
    told = provider.api().get("/oauth/userinfo", headers=bearer(token)).text
    assert leave(ada, id_token_hint=told, post_logout_redirect_uri=AFTER).status_code == 200
    asked = client.address(scope="openid", prompt="none", id_token_hint=told)
    assert answer_of(ada.visit(asked))["error"] == "invalid_request"


def test_looking_whether_it_is_there_signs_nobody_out(reader: Client, ada: Browser, hint: str) -> None:
    assert ada.http.head("/oauth/logout?" + urlencode({"id_token_hint": hint})).status_code == 405
    assert is_signed_in(ada, reader)


def test_nobody_is_signed_in(provider: Provider, reader: Client, hint: str) -> None:
    assert leave(provider.browser(), id_token_hint=hint, post_logout_redirect_uri=AFTER).location == AFTER
    assert "You are signed out" in leave(provider.browser()).text


def test_client_id_has_to_agree(provider: Provider, reader: Client, ada: Browser, hint: str) -> None:
    other = provider.client(name="Other", post_logout_redirect_uris=["https://other.example/"])
    page = leave(ada, id_token_hint=hint, client_id=other.client_id, post_logout_redirect_uri="https://other.example/")
    assert page.status_code == 400
    sent = {"id_token_hint": hint, "client_id": reader.client_id, "post_logout_redirect_uri": AFTER}
    assert leave(ada, **sent).location == AFTER


def test_a_disabled_client_sends_nobody_anywhere(provider: Provider, reader: Client, ada: Browser, hint: str) -> None:
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(reader.client_id))
    assert leave(ada, id_token_hint=hint, post_logout_redirect_uri=AFTER).status_code == 400


@pytest.mark.parametrize("uris", ["x", [1], ["https://client.example/#x"], ["javascript:alert(1)"], ["/path"]])
def test_addresses_are_judged_when_they_are_registered(provider: Provider, uris: Any) -> None:
    with pytest.raises(ValueError, match="post_logout_redirect_uris"):
        provider.client(post_logout_redirect_uris=uris)


def test_it_can_be_switched_off(make: Make) -> None:
    provider = make(config={"OAUTH2_ENABLE_LOGOUT": False})
    assert provider.api().get("/oauth/logout").status_code == 404
    assert "end_session_endpoint" not in provider.api().get("/.well-known/openid-configuration").json
