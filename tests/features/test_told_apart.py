"""What is told to one client alone: pairwise identifiers, other algorithms, encryption."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwe, jwk

from flask_oauth2server import jose
from flask_oauth2server.domain.keys import KeyUnreadable

from ..openid import knowing, read, signed_in
from ..support import ISSUER, Browser, Client, Provider, answer_of, bearer

Make = Callable[..., Provider]
RSA = jwk.generate_key("RSA", 2048, {"use": "enc"}, auto_kid=True)
EC = jwk.generate_key("EC", "P-256", {"use": "enc"}, auto_kid=True)
SET = {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}


@pytest.fixture
def op(make: Make) -> Provider:
    return knowing(make())


@pytest.fixture
def ada(op: Provider) -> Browser:
    return op.browser("ada")


def userinfo(provider: Provider, tokens: dict[str, Any]) -> Any:
    return provider.api().get("/oauth/userinfo", headers=bearer(tokens["access_token"]))


# --- pairwise ----------------------------------------------------------------------------------------


def pairwise(provider: Provider, host: str = "client.example", **values: Any) -> Client:
    return provider.client(scopes=["openid"], subject_type="pairwise", redirect_uris=[f"https://{host}/cb"], **values)


def sub_of(provider: Provider, client: Client, browser: Browser) -> str:
    tokens = signed_in(client, browser)
    told = read(provider, tokens["id_token"])["sub"]
    assert userinfo(provider, tokens).json == {"sub": told}
    introspected = client.post("/oauth/introspect", token=tokens["access_token"]).json
    assert introspected["sub"] == told
    return told


def test_a_sector_knows_people_by_names_of_its_own(op: Provider, ada: Browser) -> None:
    one, same, other = pairwise(op), pairwise(op), pairwise(op, "other.example")
    names = [sub_of(op, client, ada) for client in (one, same, other)]
    assert names[0] == names[1] != names[2]
    assert len({*names, sub_of(op, one, op.browser("bob")), "1"}) == 4
    assert sub_of(op, one, ada) == names[0]
    assert sub_of(op, op.client(scopes=["openid"]), ada) == "1"


def test_hints_speak_of_the_client_s_own_name(op: Provider, ada: Browser) -> None:
    client = pairwise(op)
    hint = signed_in(client, ada)["id_token"]
    bob = op.browser("bob")
    signed_in(client, bob)
    asked = client.address(scope="openid", prompt="none", id_token_hint=hint)
    assert "code" in answer_of(ada.visit(asked))
    assert answer_of(bob.visit(asked))["error"] == "login_required"


def test_redirect_uris_of_one_host(op: Provider) -> None:
    for uris in (["https://a.example/cb", "https://b.example/cb"], []):
        values = {"redirect_uris": uris, "grant_types": None if uris else ["client_credentials"]}
        with pytest.raises(ValueError, match="subject_type: needs redirect URIs that all have the same host"):
            op.client(subject_type="pairwise", **values)
    with pytest.raises(ValueError, match='must be "public" or "pairwise"'):
        op.client(subject_type="secret")


@pytest.mark.parametrize(
    "uri", ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"]
)
def test_programs_on_devices_are_no_sector(op: Provider, uri: str) -> None:
    """They have no host of their own: those of all makers would know people by the same names."""
    native = {"application_type": "native", "token_endpoint_auth_method": "none", "subject_type": "pairwise"}
    for uris in ([uri], [uri, "https://client.example/cb"]):
        with pytest.raises(ValueError, match="subject_type: needs redirect URIs that all have the same host"):
            op.client(redirect_uris=uris, **native)


def test_an_owner_does_not_move_into_another_sector(op: Provider, ada: Browser) -> None:
    """Tokens that are held already would tell what others call people."""
    client = pairwise(op)
    token = signed_in(client, ada)["access_token"]
    edit = op.oauth2.edit_client
    with op.app.app_context():
        model = op.oauth2.get_client(client.client_id)
        with pytest.raises(ValueError, match="people have names of their own here"):
            edit(model, by_owner=True, redirect_uris=["https://other.example/cb"])
        edit(model, by_owner=True, redirect_uris=["https://client.example/another"], name="Other")
        edit(model, redirect_uris=["https://other.example/cb"])
    assert op.api().get("/oauth/userinfo", headers=bearer(token)).status_code == 200


def test_the_salt_outlives_keys_and_is_not_made_twice(op: Provider, ada: Browser) -> None:
    client = pairwise(op)
    before = sub_of(op, client, ada)
    with op.app.app_context():
        keys = op.app.extensions["oauth2server"].keys
        for _ in range(2):
            keys._storage.unit.run(lambda: keys.rotate("RS256", at_once=True))
            keys.prepare_salt()
        keys._salt = None
        keys._forget()
    assert sub_of(op, client, ada) == before


def test_a_client_that_became_pairwise_is_answered(op: Provider, ada: Browser) -> None:
    """Nobody has prepared the salt: it has only ever asked for something else than to sign people in."""
    client = op.client(scopes=["email"])
    token = client.tokens(ada)["access_token"]
    with op.app.app_context():
        op.oauth2.edit_client(op.oauth2.get_client(client.client_id), subject_type="pairwise")
    told = client.post("/oauth/introspect", token=token)
    assert (told.status_code, told.json["active"]) == (200, True)
    assert told.json["sub"] != "1"


def test_a_lost_secret_key_loses_the_salt_and_says_so(op: Provider, ada: Browser) -> None:
    client = pairwise(op)
    sub_of(op, client, ada)
    with op.app.app_context():
        keys = op.app.extensions["oauth2server"].keys
        keys._salt = None
        op.app.config["SECRET_KEY"] = "another"
        with pytest.raises(KeyUnreadable, match="SECRET_KEY_FALLBACKS"):
            keys.salt()


# --- other forms of userinfo -------------------------------------------------------------------------


@pytest.mark.parametrize("alg", jose.ALGORITHMS)
def test_userinfo_is_signed_for_its_client(op: Provider, ada: Browser, alg: str) -> None:
    client = op.client(scopes=["openid", "email"], userinfo_signed_response_alg=alg)
    answer = userinfo(op, signed_in(client, ada, "openid email"))
    assert answer.headers["Content-Type"] == "application/jwt"
    assert answer.headers["Cache-Control"] == "no-store"
    known = {"sub": "1", "email": "ada@example.org", "email_verified": True}
    assert read(op, answer.text) == {**known, "iss": ISSUER, "aud": client.client_id}


# --- encryption --------------------------------------------------------------------------------------


def opened(token: str, key: Any, alg: str, enc: str = "A128CBC-HS256") -> tuple[dict[str, Any], str]:
    found = jwe.decrypt_compact(token, key, algorithms=[alg, enc])
    assert found.plaintext is not None
    return found.headers(), found.plaintext.decode()


@pytest.mark.parametrize(("alg", "key"), [("RSA-OAEP-256", RSA), ("ECDH-ES", EC)])
@pytest.mark.parametrize("enc", [None, "A128CBC-HS256", "A256GCM"])
def test_id_tokens_and_userinfo_are_encrypted(op: Provider, ada: Browser, alg: str, key: Any, enc: str | None) -> None:
    wants = {"id_token_encrypted_response_alg": alg, "userinfo_encrypted_response_alg": alg}
    encs = {} if enc is None else {name.replace("_alg", "_enc"): enc for name in wants}
    client = op.client(scopes=["openid", "email"], jwks=SET, **wants, **encs)
    tokens = signed_in(client, ada, "openid email")
    header, inside = opened(tokens["id_token"], key, alg, enc or "A128CBC-HS256")
    assert (header["cty"], header["kid"]) == ("JWT", key.kid)
    assert read(op, inside)["sub"] == "1"
    header, inside = opened(userinfo(op, tokens).text, key, alg, enc or "A128CBC-HS256")
    assert "cty" not in header
    assert json.loads(inside)["email"] == "ada@example.org"


def test_signed_and_then_encrypted(op: Provider, ada: Browser) -> None:
    wants = {"userinfo_signed_response_alg": "ES256", "userinfo_encrypted_response_alg": "ECDH-ES"}
    client = op.client(scopes=["openid"], jwks=SET, **wants)
    header, inside = opened(userinfo(op, signed_in(client, ada)).text, EC, "ECDH-ES")
    assert header["cty"] == "JWT"
    assert read(op, inside)["aud"] == client.client_id


PRIVATE = {"keys": [RSA.as_dict(private=True)]}
with warnings.catch_warnings(action="ignore"):
    WEAK = {"keys": [jwk.generate_key("RSA", 1024, private=True).as_dict(private=False)]}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"id_token_encrypted_response_alg": "RSA1_5", "jwks": SET}, "must be one of RSA-OAEP-256, ECDH-ES"),
        ({"id_token_encrypted_response_alg": "dir", "jwks": SET}, "must be one of"),
        ({"id_token_encrypted_response_alg": "ECDH-ES"}, "must be a JWK Set"),
        ({"id_token_encrypted_response_alg": "ECDH-ES", "jwks": {"keys": SET["keys"][:1]}}, "no key for ECDH-ES"),
        ({"id_token_encrypted_response_alg": "RSA-OAEP-256", "jwks": WEAK}, "no key for RSA-OAEP-256"),
        ({"id_token_encrypted_response_enc": "A256GCM"}, "goes with id_token_encrypted_response_alg"),
        (
            {"userinfo_encrypted_response_alg": "ECDH-ES", "userinfo_encrypted_response_enc": "x", "jwks": SET},
            "A256GCM",
        ),
        ({"jwks": PRIVATE}, "public keys"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, "public keys"),
        ({"jwks": {"keys": []}}, "must be a JWK Set"),
        ({"jwks": "https://client.example/jwks"}, "must be a JWK Set"),
        ({"userinfo_signed_response_alg": "none"}, "must be one of RS256"),
    ],
)
def test_what_cannot_be_done_is_refused_at_registration(op: Provider, values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        op.client(scopes=["openid"], **values)
