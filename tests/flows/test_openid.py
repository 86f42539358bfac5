"""OpenID Connect from end to end: every response type and mode, and single claims."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from flask_oauth2server import jose

from ..openid import knowing, read, signed_in
from ..support import CALLBACK, Browser, Client, Provider, answer_of, bearer, hidden_fields

Make = Callable[..., Provider]
FRONT = ["id_token", "id_token token", "code id_token", "code token", "code id_token token"]


@pytest.fixture
def op(make: Make) -> Provider:
    return knowing(make(config={"OAUTH2_ENABLE_IMPLICIT": True, "OAUTH2_ENABLE_HYBRID": True}))


@pytest.fixture
def reader(op: Provider) -> Client:
    return op.client(
        scopes=["openid", "profile", "email"],
        response_types=["code", "token", *FRONT],
        grant_types=["authorization_code", "refresh_token", "implicit"],
    )


@pytest.fixture
def ada(op: Provider) -> Browser:
    return op.browser("ada")


# --- response types ---------------------------------------------------------------------------------


@pytest.mark.parametrize("response_type", FRONT)
def test_each_word_brings_its_parameter(op: Provider, reader: Client, ada: Browser, response_type: str) -> None:
    words = response_type.split()
    asked = reader.address(response_type=response_type, scope="openid email", nonce="n")
    response = ada.allow(asked)
    assert response.location.startswith(f"{CALLBACK}#")
    answer = answer_of(response)
    assert ("code" in answer, "access_token" in answer, "id_token" in answer) == tuple(
        word in words for word in ("code", "token", "id_token")
    )
    assert (answer["state"], answer["iss"]) == ("xyz", "https://provider.example")
    assert "refresh_token" not in answer
    front: dict[str, Any] = {}
    if "id_token" in words:
        front = read(op, answer["id_token"])
        assert (front["nonce"], front["aud"]) == ("n", reader.client_id)
        for hashed, value in (("at_hash", answer.get("access_token")), ("c_hash", answer.get("code"))):
            assert front.get(hashed) == (None if value is None else jose.half_hash(value, "RS256"))
        # Where there is nothing to ask userinfo with, the ID token brings what the scopes ask for (5.4).
        assert front.get("email") == ("ada@example.org" if words == ["id_token"] else None)
    if "token" in words:
        userinfo = op.api().get("/oauth/userinfo", headers=bearer(answer["access_token"])).json
        assert userinfo == {"sub": "1", "email": "ada@example.org", "email_verified": True}
    if "code" in words:
        tokens = reader.exchange(answer["code"]).json
        back = read(op, tokens["id_token"])
        assert (back["nonce"], back["sub"]) == ("n", "1")
        assert not front or (back["sub"], back["iss"]) == (front["sub"], front["iss"])


@pytest.mark.parametrize("response_type", [words for words in FRONT if "id_token" in words])
def test_an_id_token_by_the_browser_needs_a_nonce(reader: Client, ada: Browser, response_type: str) -> None:
    answer = answer_of(ada.visit(reader.address(response_type=response_type, scope="openid")))
    assert (answer["error"], answer["state"]) == ("invalid_request", "xyz")
    answer = answer_of(ada.visit(reader.address(response_type=response_type, scope="email", nonce="n")))
    assert answer["error"] == "invalid_request"


def test_a_code_with_something_beside_it_needs_pkce_too(reader: Client, ada: Browser) -> None:
    bare = {"code_challenge": None, "code_challenge_method": None}
    answer = answer_of(ada.visit(reader.address(response_type="code id_token", scope="openid", nonce="n", **bare)))
    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize("response_type", FRONT)
def test_no_parameter_goes_into_the_query(reader: Client, ada: Browser, response_type: str) -> None:
    asked = reader.address(response_type=response_type, scope="openid", nonce="n", response_mode="query")
    response = ada.visit(asked)
    assert response.location.startswith(f"{CALLBACK}#")
    assert answer_of(response)["error"] == "invalid_request"


def test_a_client_has_what_it_has_registered(op: Provider, ada: Browser) -> None:
    client = op.client(scopes=["openid"])
    answer = answer_of(ada.visit(client.address(response_type="code id_token", scope="openid", nonce="n")))
    assert answer["error"] == "unauthorized_client"


def test_they_are_off_unless_switched_on(make: Make) -> None:
    provider = make()
    with pytest.raises(ValueError, match="'code id_token' is not offered"):
        provider.client(scopes=["openid"], response_types=["code", "code id_token"])
    answer = answer_of(
        provider.browser("ada").visit(provider.client(scopes=["openid"]).address(response_type="id_token"))
    )
    assert answer["error"] == "unsupported_response_type"


def test_openid_without_codes_is_not_offered_for_hybrid(make: Make) -> None:
    provider = make(config={"OAUTH2_ENABLE_HYBRID": True, "OAUTH2_ALLOWED_GRANT_TYPES": ["client_credentials"]})
    told = provider.api().get("/.well-known/openid-configuration").json
    assert not [words for words in told.get("response_types_supported", []) if "code" in words]


# --- form_post ---------------------------------------------------------------------------------------


def posted(page: Any) -> tuple[str, dict[str, str]]:
    """Where the page sends its form, and what is in it."""
    assert (page.status_code, page.mimetype) == (200, "text/html")
    return unescape(re.search(r'<form[^>]* action="([^"]*)" data-o2-send', page.text)[1]), hidden_fields(page)


@pytest.mark.parametrize("response_type", ["code", *FRONT])
def test_form_post(op: Provider, reader: Client, ada: Browser, response_type: str) -> None:
    asked = reader.address(
        response_type=response_type, scope="openid", nonce="n", response_mode="form_post", state='"<'
    )
    action, fields = posted(ada.answer(ada.visit(asked)))
    assert (action, fields["state"], fields["iss"]) == (CALLBACK, '"<', "https://provider.example")
    if "code" in response_type.split():
        assert reader.exchange(fields["code"]).status_code == 200


def test_errors_by_form_post(reader: Client, ada: Browser) -> None:
    asked = {"scope": "openid", "response_mode": "form_post"}
    action, fields = posted(ada.answer(ada.visit(reader.address(**asked)), "no"))
    assert (action, fields["error"], fields["state"]) == (CALLBACK, "access_denied", "xyz")
    assert posted(ada.visit(reader.address(prompt="none", max_age="x", **asked)))[1]["error"] == "invalid_request"


def test_the_page_may_post_to_the_client_alone(reader: Client, ada: Browser) -> None:
    page = ada.answer(ada.visit(reader.address(scope="openid", response_mode="form_post")))
    policy = page.headers["Content-Security-Policy"]
    assert "form-action 'self' https:;" in policy and "script-src 'self'" in policy
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


# --- the parameter claims ------------------------------------------------------------------------------


def asking(**places: dict[str, Any]) -> dict[str, str]:
    return {"claims": json.dumps(places), "scope": "openid"}


def test_single_claims_where_they_are_wanted(op: Provider, reader: Client, ada: Browser) -> None:
    wanted = asking(userinfo={"name": {"essential": True}, "gender": None}, id_token={"email": None})
    tokens = reader.tokens(ada, **wanted)
    assert tokens["scope"] == "openid"
    told = read(op, tokens["id_token"])
    assert (told["email"], "name" in told, "email_verified" in told) == ("ada@example.org", False, False)
    userinfo = op.api().get("/oauth/userinfo", headers=bearer(tokens["access_token"])).json
    assert userinfo == {"sub": "1", "name": "Ada"}
    again = read(op, reader.refresh(tokens["refresh_token"]).json["id_token"])
    assert again["email"] == "ada@example.org"


def test_a_person_is_asked_for_each_claim_once(reader: Client, ada: Browser) -> None:
    one = asking(userinfo={"name": None})
    page = ada.visit(reader.address(**one))
    assert "See your name" in page.text and "See your date of birth" not in page.text
    assert "code" in answer_of(ada.answer(page))
    assert "code" in answer_of(ada.visit(reader.address(prompt="none", **one)))
    both = asking(userinfo={"name": None}, id_token={"birthdate": None})
    assert answer_of(ada.visit(reader.address(prompt="none", **both)))["error"] == "consent_required"
    page = ada.visit(reader.address(**both))
    assert "See your date of birth" in page.text and "1 more permission" in page.text
    assert "code" in answer_of(ada.answer(page))
    assert "code" in answer_of(ada.visit(reader.address(prompt="none", **both)))


def test_claims_of_asked_scopes_need_no_further_consent(op: Provider, reader: Client, ada: Browser) -> None:
    signed_in(reader, ada, "openid email")
    wanted = {**asking(id_token={"email": None}), "scope": "openid email"}
    tokens = reader.exchange(answer_of(ada.visit(reader.address(prompt="none", **wanted)))["code"]).json
    assert read(op, tokens["id_token"])["email"] == "ada@example.org"


def test_whose_claims_they_have_to_be(op: Provider, reader: Client, ada: Browser) -> None:
    signed_in(reader, ada)
    mine, other = (asking(id_token={"sub": {"value": value}}) for value in ("1", "2"))
    assert "code" in answer_of(ada.visit(reader.address(prompt="none", **mine)))
    assert answer_of(ada.visit(reader.address(prompt="none", **other)))["error"] == "login_required"


def test_nobody_finds_out_who_visits_by_guessing(op: Provider, ada: Browser) -> None:
    """A client that she has never allowed hears the same whether it is she or not; also by other wishes beside it."""
    stranger = op.client(name="Stranger", scopes=["openid"], redirect_uris=["https://stranger.example/cb"])

    def answers(sub: str, acr: dict[str, Any]) -> dict[str, str]:
        asked = json.dumps({"id_token": {"sub": {"value": sub}, "acr": acr}})
        return answer_of(ada.visit(stranger.address(scope="openid", prompt="none", claims=asked)))

    for acr in ({}, {"essential": True, "value": "high"}):
        assert answers("1", acr) == answers("2", acr)
        assert answers("1", acr)["error"] == "login_required"


@pytest.mark.parametrize("text", ["", "x", "[]", "1", '{"userinfo": []}', '{"id_token": {"name": 1}}', "[" * 5000])
def test_malformed_claims(reader: Client, ada: Browser, text: str) -> None:
    response = ada.visit(reader.address(claims=text, scope="openid"))
    if not text:
        assert response.status_code == 200  # sent without a value is as not sent
    elif len(text) < 1000:
        assert answer_of(response)["error"] == "invalid_request"
    else:
        assert response.status_code in (302, 414)


def test_claims_that_the_protocol_or_nobody_knows_are_passed_over(reader: Client, ada: Browser, op: Provider) -> None:
    wanted = asking(userinfo={"iss": None, "unheard_of": {"essential": True}}, id_token={"aud": {"value": "me"}})
    told = read(op, reader.tokens(ada, **wanted)["id_token"])
    assert told["aud"] == reader.client_id and "unheard_of" not in told
