"""OpenID Connect: what a client is told of a person, by ID tokens and userinfo."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from flask_oauth2server import Scope, jose

from ..openid import knowing, read, signed_in
from ..support import ISSUER, Browser, Client, Provider, answer_of, bearer
from ..ui.pages import later

Make = Callable[..., Provider]


@pytest.fixture
def op(make: Make) -> Provider:
    """A provider that knows something of its people."""
    return knowing(make())


@pytest.fixture
def reader(op: Provider) -> Client:
    return op.client(scopes=["openid", "profile", "email", "notes"])


@pytest.fixture
def ada(op: Provider) -> Browser:
    return op.browser("ada")


def test_an_id_token_says_who_signed_in_when_and_for_whom(op: Provider, reader: Client, ada: Browser) -> None:
    began = int(time.time())
    tokens = signed_in(reader, ada, nonce="n-0S6_WzA2Mj")
    claims = read(op, tokens["id_token"])
    assert claims.pop("sid")
    assert began <= claims.pop("auth_time") <= claims["iat"] <= time.time()
    assert claims.pop("exp") == claims.pop("iat") + 3600
    assert claims == {
        "iss": ISSUER,
        "sub": "1",
        "aud": reader.client_id,
        "azp": reader.client_id,
        "nonce": "n-0S6_WzA2Mj",
        "at_hash": jose.half_hash(tokens["access_token"], "RS256"),
    }


def test_without_openid_there_is_none(reader: Client, ada: Browser) -> None:
    assert "id_token" not in signed_in(reader, ada, scope="email")


@pytest.mark.parametrize("alg", jose.ALGORITHMS)
def test_the_client_chooses_the_algorithm(op: Provider, ada: Browser, alg: str) -> None:
    client = op.client(scopes=["openid"], id_token_signed_response_alg=alg)
    tokens = signed_in(client, ada)
    assert read(op, tokens["id_token"])["at_hash"] == jose.half_hash(tokens["access_token"], alg)


@pytest.mark.parametrize("alg", ["none", "HS256", "RS512", "", 7])
def test_no_other_algorithm_can_be_registered(op: Provider, alg: Any) -> None:
    with pytest.raises(ValueError, match=r"id_token_signed_response_alg.*must be one of RS256"):
        op.client(id_token_signed_response_alg=alg)


def test_at_a_refresh_it_speaks_of_the_same_sign_in(op: Provider, reader: Client, ada: Browser) -> None:
    tokens = signed_in(reader, ada, nonce="n")
    first = read(op, tokens["id_token"])
    with later(hours=2):
        again = read(op, reader.refresh(tokens["refresh_token"]).json["id_token"])
        assert {name: again[name] for name in ("iss", "sub", "aud", "auth_time", "sid")} == {
            name: first[name] for name in ("iss", "sub", "aud", "auth_time", "sid")
        }
        assert again["iat"] >= first["iat"] + 7200
        assert "nonce" not in again
        narrowed = reader.refresh(reader.refresh(tokens["refresh_token"]).json.get("refresh_token", ""), scope="email")
        assert "id_token" not in narrowed.json


def test_openid_is_for_people(op: Provider, reader: Client) -> None:
    service = op.client(grant_types=["client_credentials"], redirect_uris=[], scopes=["openid", "email"])
    refused = service.post("/oauth/token", grant_type="client_credentials", scope="openid email")
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_scope")
    assert service.post("/oauth/token", grant_type="client_credentials", scope="email").status_code == 200


def test_a_request_names_its_redirect_uri(reader: Client, ada: Browser) -> None:
    page = ada.visit(reader.address(scope="openid", redirect_uri=None))
    assert (page.status_code, "Location" in page.headers) == (400, False)
    assert ada.visit(reader.address(scope="email", redirect_uri=None)).status_code == 200


# --- userinfo --------------------------------------------------------------------------------------


def userinfo(provider: Provider, token: str, **options: Any) -> Any:
    return provider.api().get("/oauth/userinfo", headers=bearer(token), **options)


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        ("openid", {}),
        ("openid email", {"email": "ada@example.org", "email_verified": True}),
        ("openid profile", {"name": "Ada", "birthdate": "1815-12-10"}),
        ("openid notes", {}),
    ],
)
def test_userinfo_tells_what_the_scopes_ask_for(
    op: Provider, reader: Client, ada: Browser, scope: str, known: dict[str, Any]
) -> None:
    token = signed_in(reader, ada, scope)["access_token"]
    told = userinfo(op, token)
    assert told.json == {"sub": "1", **known}
    assert told.headers["Cache-Control"] == "no-store"


def test_the_token_comes_in_one_of_three_ways(op: Provider, reader: Client, ada: Browser) -> None:
    token = signed_in(reader, ada)["access_token"]
    http = op.api()
    assert http.post("/oauth/userinfo", headers=bearer(token)).json == {"sub": "1"}
    assert http.post("/oauth/userinfo", data={"access_token": token}).json == {"sub": "1"}
    for refused, status, error in (
        (http.post("/oauth/userinfo", data={"access_token": token}, headers=bearer(token)), 400, "invalid_request"),
        (http.post("/oauth/userinfo", data={"access_token": [token, token]}), 400, "invalid_request"),
        (http.post("/oauth/userinfo", data={"access_token": "x"}), 401, "invalid_token"),
        (http.post("/oauth/userinfo", json={"access_token": token}), 401, "unauthorized"),
        (http.get("/oauth/userinfo", query_string={"access_token": token}), 401, "unauthorized"),
        (http.get("/oauth/userinfo"), 401, "unauthorized"),
        (http.put("/oauth/userinfo", headers=bearer(token)), 405, "invalid_request"),
    ):
        assert (refused.status_code, refused.json["error"]) == (status, error)
        assert (status == 405) or refused.headers["WWW-Authenticate"].startswith("Bearer ")


def test_other_views_take_no_token_from_a_body(op: Provider, reader: Client, ada: Browser) -> None:
    token = signed_in(reader, ada)["access_token"]
    assert op.api().post("/oauth/ping/", data={"access_token": token}).status_code == 401


def test_an_id_token_is_no_access_token(op: Provider, ada: Browser, reader: Client) -> None:
    id_token = signed_in(reader, ada)["id_token"]
    for address in ("/oauth/userinfo", "/oauth/ping/"):
        refused = op.api().get(address, headers=bearer(id_token))
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert reader.post("/oauth/introspect", token=id_token).json == {"active": False}


def test_userinfo_needs_openid(op: Provider, reader: Client, ada: Browser) -> None:
    refused = userinfo(op, signed_in(reader, ada, "email")["access_token"])
    assert (refused.status_code, refused.json["error"]) == (403, "insufficient_scope")


def test_userinfo_may_be_read_by_pages_of_any_origin(op: Provider, reader: Client, ada: Browser) -> None:
    token = signed_in(reader, ada)["access_token"]
    answer = op.api().get("/oauth/userinfo", headers={**bearer(token), "Origin": "https://app.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    preflight = op.api().options("/oauth/userinfo", headers={"Origin": "https://app.example"})
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


# --- what the host tells ---------------------------------------------------------------------------


def test_claims_of_the_protocol_are_not_the_host_s(op: Provider) -> None:
    with pytest.raises(RuntimeError, match=r"cannot tell iss, sub"):
        op.oauth2.user_claims("sub", "iss", "name")(dict)


def test_scopes_of_the_host_ask_for_claims_of_its_own(make: Make) -> None:
    provider = make()
    provider.oauth2.scopes.register(Scope("groups", "See your groups", claims=("groups",)))
    provider.oauth2.user_claims("groups")(lambda _: {"groups": ["staff"], "email": "not declared"})
    client = provider.client(scopes=["openid", "email", "groups"])
    token = signed_in(client, provider.browser("ada"), "openid groups email")["access_token"]
    assert userinfo(provider, token).json == {"sub": "1", "groups": ["staff"]}


@pytest.mark.parametrize("returned", [None, ["name"], {"name": object()}, {"name": {1, 2}}])
def test_a_hook_that_returns_nonsense_is_a_fault_of_the_server(make: Make, returned: Any, caplog: Any) -> None:
    provider = make()
    provider.oauth2.user_claims(lambda _: returned)
    token = signed_in(provider.client(scopes=["openid", "profile"]), provider.browser("ada"), "openid profile")
    answer = userinfo(provider, token["access_token"])
    assert (answer.status_code, answer.json["error"]) == (503, "server_error")
    assert "user_claims" in caplog.text


# --- hints -----------------------------------------------------------------------------------------


def asked(client: Client, browser: Browser, **changes: str | None) -> dict[str, str]:
    return answer_of(browser.visit(client.address(scope="openid", **changes)))


def test_a_hint_of_the_person_who_is_signed_in(op: Provider, reader: Client, ada: Browser) -> None:
    hint = signed_in(reader, ada)["id_token"]
    assert "code" in asked(reader, ada, prompt="none", id_token_hint=hint)
    with later(hours=3):  # long expired
        assert "code" in asked(reader, ada, prompt="none", id_token_hint=hint)


def test_a_hint_of_somebody_else(op: Provider, reader: Client, ada: Browser) -> None:
    hint = signed_in(reader, ada)["id_token"]
    bob = op.browser("bob")
    signed_in(reader, bob)
    assert asked(reader, bob, prompt="none", id_token_hint=hint)["error"] == "login_required"
    there = bob.visit(reader.address(scope="openid", id_token_hint=hint))
    assert "/oauth/authorize" in there.location
    to_login = bob.visit(there.location)
    assert "/login" in to_login.location
    back = bob.http.post(to_login.location, data={"name": "bob"})
    assert answer_of(bob.visit(back.location))["error"] == "login_required"


def test_forged_and_foreign_hints_are_refused(op: Provider, reader: Client, ada: Browser) -> None:
    hint = signed_in(reader, ada)["id_token"]
    other = op.client(scopes=["openid"])
    stranger = jose.signed({"iss": ISSUER, "sub": "1", "aud": reader.client_id}, jose.imported(jose.made("RS256")))
    unsigned = "eyJhbGciOiJub25lIn0." + hint.split(".")[1] + "."
    for forged in (stranger, unsigned, hint[:-6] + "AAAAAA", "nonsense", hint.rpartition(".")[0]):
        assert asked(reader, ada, prompt="none", id_token_hint=forged)["error"] == "invalid_request", forged
    assert asked(other, ada, prompt="none", id_token_hint=hint)["error"] == "invalid_request"


# --- discovery -------------------------------------------------------------------------------------


def test_discovery_tells_what_is_there(op: Provider) -> None:
    told = op.api().get("/.well-known/openid-configuration").json
    assert told == op.api().get("/.well-known/oauth-authorization-server").json
    assert told["userinfo_endpoint"] == f"{ISSUER}/oauth/userinfo"
    assert told["subject_types_supported"] == ["public", "pairwise"]
    assert told["id_token_signing_alg_values_supported"] == list(jose.ALGORITHMS)
    assert {"openid", "email", "profile"} <= set(told["scopes_supported"])
    assert {"address", "phone"}.isdisjoint(told["scopes_supported"])
    assert {"sub", "name", "email", "email_verified"} <= set(told["claims_supported"])
    assert {"gender", "address", "acr", "amr", "c_hash"}.isdisjoint(told["claims_supported"])
    assert told["request_parameter_supported"] is False


def test_what_is_off_is_not_there(make: Make) -> None:
    provider = make(config={"OAUTH2_ENABLE_OPENID": False})
    http = provider.api()
    for path in ("/.well-known/openid-configuration", "/oauth/userinfo", "/oauth/jwks"):
        assert http.get(path).status_code == 404
    told = http.get("/.well-known/oauth-authorization-server").json
    assert {"jwks_uri", "userinfo_endpoint", "subject_types_supported"}.isdisjoint(told)
    assert "openid" not in told["scopes_supported"]
