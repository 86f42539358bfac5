"""Modules about signing out: at the wish of a client, and how the clients of a session learn of it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwk, jwt

from ..flows.test_logout import EVENT, Told, frames
from ..support import ISSUER, hidden_fields
from . import checks
from .conftest import Register
from .profiles import certified
from .relying_party import RelyingParty, SignedIn
from .test_refusals import unsigned

AFTER = "https://client.example/signed-out"
FRONT = "https://client.example/front"


@pytest.fixture
def rp(register: Register) -> RelyingParty:
    """One that has said where people go afterwards."""
    return register(post_logout_redirect_uris=[AFTER])


def leave(rp: RelyingParty, **sent: str) -> Any:
    """The answer to a person whom the client sends to sign out."""
    return rp.browser.visit(f"{rp.path('end_session_endpoint')}?{urlencode(sent)}")


def asked(rp: RelyingParty, page: Any) -> Any:
    """The person is asked, still signed in, and says yes; the next page."""
    assert (page.status_code, "Location" in page.headers, rp.is_signed_in()) == (200, False, True)
    return rp.browser.http.post(page.request.full_path, data=hidden_fields(page))


def is_goodbye(page: Any) -> bool:
    """Whether it is the page that says that one is signed out, and leads nowhere."""
    return page.status_code == 200 and "You are signed out" in page.text and AFTER not in page.text


def not_sent_there(rp: RelyingParty, **sent: str) -> None:
    """An error page, or the question; not even a yes leads to the client."""
    page = leave(rp, state="s", **sent)
    if page.status_code == 200:
        assert is_goodbye(asked(rp, page))
        assert not rp.is_signed_in()
        return
    assert (page.status_code, "Location" in page.headers, AFTER in page.text) == (400, False, False)


# --- at the wish of a client ---------------------------------------------------------------------------


@certified("RP")
def test_rp_initiated_logout(rp: RelyingParty) -> None:
    found, state = rp.sign_in(), secrets.token_urlsafe(96)
    answer = leave(rp, id_token_hint=found.id_token, post_logout_redirect_uri=AFTER, state=state)
    assert answer.headers["Location"] == f"{AFTER}?{urlencode({'state': state})}"
    assert rp.authorize(prompt="none").told["error"] == "login_required"


@certified("RP")
def test_rp_initiated_logout_no_state(rp: RelyingParty) -> None:
    answer = leave(rp, id_token_hint=rp.sign_in().id_token, post_logout_redirect_uri=AFTER)
    assert answer.headers["Location"] == AFTER
    assert not rp.is_signed_in()


@certified("RP")
def test_rp_initiated_logout_bad_post_logout_redirect_uri(rp: RelyingParty) -> None:
    elsewhere = "https://client.example/another"
    not_sent_there(rp, id_token_hint=rp.sign_in().id_token, post_logout_redirect_uri=elsewhere)


@certified("RP")
def test_rp_initiated_logout_query_added_to_post_logout_redirect_uri(rp: RelyingParty) -> None:
    page = leave(rp, id_token_hint=rp.sign_in().id_token, post_logout_redirect_uri=f"{AFTER}?foo=bar", state="s")
    assert (page.status_code, "Location" in page.headers) == (400, False)


@certified("RP")
def test_rp_initiated_logout_modified_id_token_hint(rp: RelyingParty) -> None:
    """The hint says alg none, and is not signed any more."""
    found = rp.sign_in()
    not_sent_there(rp, id_token_hint=unsigned(found.claims), post_logout_redirect_uri=AFTER)


@certified("RP")
def test_rp_initiated_logout_bad_id_token_hint(rp: RelyingParty) -> None:
    """Somebody else has signed it, and calls their key as the provider calls its own."""
    found = rp.sign_in()
    key = jwk.generate_key("EC", "P-256")
    for kid in ("another", checks.header_of(found.id_token)["kid"]):
        forged = jwt.encode({"alg": "ES256", "kid": kid}, found.claims, key)
        page = leave(rp, id_token_hint=forged, post_logout_redirect_uri=AFTER, state="s")
        assert (page.status_code, "Location" in page.headers, rp.is_signed_in()) == (200, False, True)
    not_sent_there(rp, id_token_hint=forged, post_logout_redirect_uri=AFTER)


@certified("RP")
def test_rp_initiated_logout_no_id_token_hint(rp: RelyingParty) -> None:
    rp.sign_in()
    not_sent_there(rp, post_logout_redirect_uri=AFTER)


@certified("RP")
def test_rp_initiated_logout_no_params(rp: RelyingParty) -> None:
    rp.sign_in()
    assert is_goodbye(asked(rp, leave(rp)))
    assert not rp.is_signed_in()


@certified("RP")
def test_rp_initiated_logout_no_post_logout_redirect_uri(rp: RelyingParty) -> None:
    """Whom the hint names need not be asked."""
    assert is_goodbye(leave(rp, id_token_hint=rp.sign_in().id_token, state="s"))
    assert not rp.is_signed_in()


@certified("RP")
def test_rp_initiated_logout_only_state(rp: RelyingParty) -> None:
    rp.sign_in()
    assert is_goodbye(asked(rp, leave(rp, state="s")))
    assert not rp.is_signed_in()


# --- how the clients of the session learn of it ------------------------------------------------------------


@certified("FC")
def test_frontchannel_rp_initiated_logout(register: Register) -> None:
    rp = register(
        post_logout_redirect_uris=[AFTER], frontchannel_logout_uri=FRONT, frontchannel_logout_session_required=True
    )
    found = rp.sign_in()
    page = leave(rp, id_token_hint=found.id_token, post_logout_redirect_uri=AFTER, state="s")
    (address,) = frames(page)
    assert address.partition("?")[0] == FRONT
    assert parse_qs(urlsplit(address).query) == {"iss": [found.claims["iss"]], "sid": [found.claims["sid"]]}
    assert f'href="{AFTER}?state=s" data-o2-onward' in page.text  # where the page goes when the frames are there
    assert not rp.is_signed_in()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """The client's own server."""
    monkeypatch.setattr(logging.getLogger("werkzeug"), "disabled", True)
    found = Told()
    yield found
    found.server.shutdown()
    found.server.server_close()


def check_logout_token(rp: RelyingParty, token: str, found: SignedIn) -> None:
    """Back-Channel Logout, 2.4 and 2.6."""
    assert checks.header_of(token).get("typ", "logout+jwt") == "logout+jwt"
    claims = checks.check_signature(token, rp.keys)
    assert (claims["iss"], claims["aud"]) == (ISSUER, rp.client.client_id)
    assert abs(claims["iat"] - found.claims["iat"]) < 60 and claims["exp"] > claims["iat"]
    assert claims["jti"] and claims["events"] == {EVENT: {}}
    assert (claims["sid"], claims["sub"]) == (found.claims["sid"], found.claims["sub"])
    assert "nonce" not in claims


@certified("BC")
def test_backchannel_rp_initiated_logout(register: Register, told: Told) -> None:
    rp = register(
        post_logout_redirect_uris=[AFTER], backchannel_logout_uri=told.url, backchannel_logout_session_required=True
    )
    found = rp.sign_in()
    answer = leave(rp, id_token_hint=found.id_token, post_logout_redirect_uri=AFTER, state="s")
    answer.close()  # the client is told when the answer is out
    assert answer.headers["Location"] == f"{AFTER}?state=s"
    (token,) = told.tokens
    check_logout_token(rp, token, found)
    assert not rp.is_signed_in()
