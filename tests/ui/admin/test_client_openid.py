"""What administrators say of a client's ID tokens, keys and sign-out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk

from ...support import CALLBACK, Browser, Provider, answer_of
from ..pages import landed, said, words
from .test_client_form import CLIENTS, NEW, administered, create, edit, only

Make = Callable[..., Provider]
KEY = jwk.generate_key("EC", "P-256", {"use": "enc"}, auto_kid=True)
SET = {"keys": [KEY.as_dict(private=False)]}
EVERYTHING = {
    "id_token_signed_response_alg": "ES256",
    "userinfo_signed_response_alg": "PS256",
    "id_token_encrypted_response_alg": "ECDH-ES",
    "userinfo_encrypted_response_alg": "ECDH-ES",
    "subject_type": "pairwise",
    "default_max_age": 0,
    "jwks": SET,
    "post_logout_redirect_uris": ["https://client.example/bye", "https://client.example/out"],
    "backchannel_logout_uri": "https://client.example/back",
    "frontchannel_logout_uri": "https://client.example/front",
}
TYPED = {
    **EVERYTHING,
    "default_max_age": "0",
    "jwks": json.dumps(SET),
    "post_logout_redirect_uris": "https://client.example/bye\n\n https://client.example/out ",
}


@pytest.fixture
def provider(make: Make) -> Provider:
    return administered(make)


@pytest.fixture
def ada(provider: Provider) -> Browser:
    return provider.browser("ada")


def metadata(provider: Provider) -> dict[str, Any]:
    return dict(only(provider).client_metadata)


def test_a_new_client_has_what_was_said_of_it(provider: Provider, ada: Browser) -> None:
    create(ada, scopes=["openid"], **TYPED)
    found = metadata(provider)
    assert {name: found.get(name) for name in EVERYTHING} == EVERYTHING


def test_what_was_not_touched_is_as_for_everybody(provider: Provider, ada: Browser) -> None:
    create(ada, scopes=["openid"])
    found = metadata(provider)
    assert (found["id_token_signed_response_alg"], found["subject_type"]) == ("RS256", "public")
    others = EVERYTHING.keys() - {"id_token_signed_response_alg", "subject_type"}
    assert not others & found.keys()


def test_a_client_is_changed_and_its_page_tells(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="reader", scopes=["openid"])
    before = words(ada.visit(f"{CLIENTS}reader/"))
    assert "ID tokens signed RS256" in before and "encrypted" not in before and "logout" not in before
    page = landed(ada, edit(ada, "reader", **TYPED))
    assert said(page) == "Saved."
    told = words(page)
    for fact in (
        "ID tokens signed ES256",
        "ID tokens encrypted ECDH-ES",
        "Userinfo signed PS256",
        "Identifiers of people others than other clients are told",
        "Back-channel logout https://client.example/back",
        "Front-channel logout https://client.example/front",
        "After signing out https://client.example/bye, https://client.example/out",
    ):
        assert fact in told
    assert said(landed(ada, edit(ada, "reader"))) == "Nothing was changed."


def test_without_encryption_there_is_no_content_encryption(provider: Provider, ada: Browser) -> None:
    wants = {"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A256GCM"}
    provider.client(client_id="reader", scopes=["openid"], jwks=SET, **wants)
    assert said(landed(ada, edit(ada, "reader", description="x"))) == "Saved."
    assert {name: metadata(provider).get(name) for name in wants} == wants
    landed(ada, edit(ada, "reader", id_token_encrypted_response_alg="", jwks=""))
    assert not {*wants, "jwks"} & metadata(provider).keys()


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"jwks": "{"}, "Its keys", "must be a JWK Set"),
        ({"jwks": "[" * 100_000}, "Its keys", "must be a JWK Set"),
        ({"jwks": json.dumps({"keys": [KEY.as_dict(private=True)]})}, "Its keys", "public keys"),
        ({"jwks_uri": "http://client.example/keys"}, "Address of its keys", "must begin with https://"),
        ({"id_token_signed_response_alg": "none"}, "ID tokens are signed with", "must be one of RS256"),
        ({"id_token_signed_response_alg": "HS256"}, "ID tokens are signed with", "must be one of RS256"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "ID tokens are encrypted with", "must be one of"),
        ({"userinfo_encrypted_response_alg": "ECDH-ES"}, "Userinfo is encrypted with", "must be a JWK Set"),
        ({"subject_type": "x"}, "Identifiers of people", 'must be "public" or "pairwise"'),
        (
            {"sector_identifier_uri": "https://127.0.0.1/list"},
            "Sector identifier URI",
            "cannot be read: 127.0.0.1 is no",
        ),
        ({"default_max_age": "soon"}, "Greatest age of a sign-in", "seconds"),
        ({"post_logout_redirect_uris": "http://client.example/"}, "Where people return after", "must start with https"),
        ({"backchannel_logout_uri": "http://client.example/"}, "Back-channel logout URI", "must begin with https://"),
        ({"frontchannel_logout_uri": "https://other.example/"}, "Front-channel logout URI", "of a redirect URI"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    provider: Provider, ada: Browser, typed: dict[str, str], field: str, sentence: str
) -> None:
    provider.client(client_id="reader", scopes=["openid"])
    before = metadata(provider)
    page = edit(ada, "reader", **typed)
    assert page.status_code == 200
    told = words(page)
    assert "Nothing has been saved. 1 thing needs your attention: " + field in told
    assert sentence.lower() in told.lower()
    assert metadata(provider) == before


# --- response types ----------------------------------------------------------------------------------


def test_where_only_codes_are_offered_there_is_nothing_to_choose(ada: Browser) -> None:
    assert 'name="response_types"' not in ada.visit(NEW).text


def test_a_client_is_given_a_response_type(make: Make) -> None:
    provider = administered(make, OAUTH2_ENABLE_HYBRID=True, OAUTH2_ENABLE_IMPLICIT=True)
    ada = provider.browser("ada")
    create(ada, scopes=["openid"], response_types=["code", "code id_token"])
    assert only(provider).allowed_response_types == ["code", "code id_token"]
    client_id = only(provider).client_id
    asked = f"response_type=code%20id_token&client_id={client_id}&redirect_uri={CALLBACK}&scope=openid&nonce=n"
    pkce = "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    answer = answer_of(ada.allow(f"/oauth/authorize?{asked}{pkce}"))
    assert {"code", "id_token"} <= answer.keys()

    assert said(landed(ada, edit(ada, client_id))) == "Nothing was changed."
    landed(ada, edit(ada, client_id, response_types=["code"]))
    assert only(provider).allowed_response_types == ["code"]
    page = edit(ada, client_id, response_types=["id_token"])
    assert "Response types: \u201ccode\u201d" in words(page) or '"code" and the grant' in words(page)


def test_a_response_type_that_is_offered_no_more_stays(make: Make, tmp_path: Any) -> None:
    provider = administered(make, OAUTH2_ENABLE_HYBRID=True)
    provider.client(client_id="reader", scopes=["openid"], response_types=["code", "code id_token"])
    provider.app.extensions["oauth2server"].response_types.pop("code id_token")
    landed(provider.browser("ada"), edit(provider.browser("ada"), "reader", description="x"))
    assert only(provider).allowed_response_types == ["code", "code id_token"]


# --- what is off -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "missing", "there"),
    [
        ({"OAUTH2_ENABLE_OPENID": False}, ["Signing people in", "Signing people out"], []),
        ({"OAUTH2_ENABLE_LOGOUT": False}, ["Signing people out"], ["Signing people in"]),
    ],
)
def test_the_form_has_what_is_switched_on(
    make: Make, off: dict[str, Any], missing: list[str], there: list[str]
) -> None:
    provider = administered(make, **off)
    ada = provider.browser("ada")
    told = words(ada.visit(NEW))
    assert not any(heading in told for heading in missing)
    assert all(heading in told for heading in there)
    create(ada)
    client_id = only(provider).client_id
    assert said(landed(ada, edit(ada, client_id, description="x"))) == "Saved."
