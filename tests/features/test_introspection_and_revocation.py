"""RFC 7662 and RFC 7009: what a token is worth, and giving it back."""

from __future__ import annotations

from typing import Any

import pytest

from flask_oauth2server import clock

from ..support import ISSUER, Browser, Client, Provider, bearer
from .test_authorization_code import assert_refused, at

DEAD = {"active": False}


def told(client: Client, token: str, **data: Any) -> Any:
    response = client.post("/oauth/introspect", token=token, **data)
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    return response.json


# --- introspection --------------------------------------------------------------------------------


def test_a_live_access_token(any_provider: Provider) -> None:
    client = any_provider.client()
    token = client.tokens(any_provider.browser("ada"))["access_token"]
    answer = told(client, token)
    assert answer == {
        "active": True,
        "client_id": client.client_id,
        "scope": "email",
        "sub": "1",
        "iss": ISSUER,
        "token_type": "Bearer",
        "iat": answer["iat"],
        "exp": answer["iat"] + 3600,
    }
    assert abs(answer["iat"] - clock.timestamp()) < 30


def test_a_live_refresh_token(client: Client, ada: Browser) -> None:
    first = client.tokens(ada, scope="email profile")
    answer = told(client, first["refresh_token"])
    assert answer["active"] is True
    assert answer["exp"] == answer["iat"] + 30 * 86400
    assert "token_type" not in answer
    client.refresh(first["refresh_token"], scope="email")
    assert told(client, first["refresh_token"]) == DEAD


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "bogus"])
def test_a_wrong_hint_does_no_harm(client: Client, ada: Browser, hint: str) -> None:
    tokens = client.tokens(ada)
    assert told(client, tokens["access_token"], token_type_hint=hint)["active"] is True
    assert told(client, tokens["refresh_token"], token_type_hint=hint)["active"] is True


@pytest.mark.parametrize("token", ["garbage", "o2a_" + "x" * 49, "ü", "x" * 5000])
def test_nonsense_is_dead(client: Client, token: str) -> None:
    assert told(client, token) == DEAD


def test_codes_and_secrets_are_no_tokens(client: Client, ada: Browser) -> None:
    assert told(client, client.code(ada)) == DEAD
    assert told(client, client.secret or "") == DEAD


def test_another_client_learns_nothing(provider: Provider, client: Client, ada: Browser) -> None:
    token = client.tokens(ada)["access_token"]
    assert told(provider.client(name="Other"), token) == DEAD
    assert told(provider.client(name="Resource server", may_introspect=True), token)["active"] is True


def test_a_personal_token_is_for_those_who_may(provider: Provider, client: Client) -> None:
    with provider.app.app_context():
        token = provider.oauth2.create_personal_token(provider.user("ada"), name="laptop", scopes=["email"])
    assert told(client, token) == DEAD
    answer = told(provider.client(name="Resource server", may_introspect=True), token)
    assert (answer["active"], answer["sub"], "client_id" in answer) == (True, "1", False)


def test_a_public_client_may_not_ask(provider: Provider, ada: Browser) -> None:
    client = provider.client(token_endpoint_auth_method="none")
    token = client.tokens(ada)["access_token"]
    assert_refused(client.post("/oauth/introspect", token=token), "invalid_client", 401)


def test_nobody_may_ask_without_authentication(provider: Provider, client: Client, ada: Browser) -> None:
    token = client.tokens(ada)["access_token"]
    for path in ("/oauth/introspect", "/oauth/revoke"):
        assert_refused(provider.api().post(path, data={"token": token}), "invalid_client", 401)
        assert_refused(client.post(path, basic=False, token=token), "invalid_client", 401)
        response = provider.api().post(path, data={"token": token}, headers=bearer(token))
        assert_refused(response, "invalid_client", 401)
        assert provider.api().get(f"{path}?token={token}").status_code == 405
        assert_refused(client.post(path), "invalid_request")
    assert told(client, token)["active"] is True


def test_dead_tokens_are_dead(
    provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = client.tokens(ada)["access_token"]
    with provider.app.app_context():
        provider.user("ada").is_active = False
        provider.db.session.commit()
    assert told(client, token) == DEAD
    with provider.app.app_context():
        provider.user("ada").is_active = True
        provider.db.session.commit()
    assert told(client, token)["active"] is True
    at(monkeypatch, 3601)
    assert told(client, token) == DEAD


# --- revocation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "bogus"])
def test_either_token_takes_the_other_with_it(
    provider: Provider, client: Client, ada: Browser, which: str, hint: str | None
) -> None:
    tokens = client.tokens(ada)
    later = client.refresh(tokens["refresh_token"]).json
    response = client.post("/oauth/revoke", token=later[which], token_type_hint=hint)
    assert (response.status_code, response.mimetype, response.json) == (200, "application/json", {})
    for token in (tokens["access_token"], later["access_token"]):
        assert provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 401
        assert told(client, token) == DEAD
    assert_refused(client.refresh(later["refresh_token"]))


def test_revocation_on_each_database(any_provider: Provider) -> None:
    client = any_provider.client()
    tokens = client.tokens(any_provider.browser("ada"))
    assert client.post("/oauth/revoke", token=tokens["refresh_token"]).json == {}
    assert any_provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"])).status_code == 401
    assert_refused(client.refresh(tokens["refresh_token"]))


def test_a_token_of_client_credentials(provider: Provider) -> None:
    service = provider.client(redirect_uris=[], scopes=["email"])
    one, two = (service.post("/oauth/token", grant_type="client_credentials", scope="email").json for _ in range(2))
    assert service.post("/oauth/revoke", token=one["access_token"]).status_code == 200
    assert told(service, one["access_token"]) == DEAD
    assert told(service, two["access_token"])["active"] is True


@pytest.mark.parametrize("token", ["garbage", "o2a_" + "x" * 49, "ü", "x" * 5000])
def test_unknown_tokens_are_answered_alike(client: Client, token: str) -> None:
    response = client.post("/oauth/revoke", token=token)
    assert (response.status_code, response.json) == (200, {})


def test_the_token_of_another_client_stays(provider: Provider, client: Client, ada: Browser) -> None:
    tokens = client.tokens(ada)
    other = provider.client(name="Other")
    public = provider.client(name="Public", token_endpoint_auth_method="none")
    for someone in (other, public):
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert someone.post("/oauth/revoke", token=token).status_code == 200
    assert told(client, tokens["access_token"])["active"] is True
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_a_public_client_revokes_its_own(provider: Provider, ada: Browser) -> None:
    client = provider.client(token_endpoint_auth_method="none")
    tokens = client.tokens(ada)
    assert client.post("/oauth/revoke", token=tokens["refresh_token"]).status_code == 200
    assert provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"])).status_code == 401


def test_a_personal_token_is_not_a_client_s_to_revoke(provider: Provider, client: Client) -> None:
    with provider.app.app_context():
        token = provider.oauth2.create_personal_token(provider.user("ada"), name="laptop", scopes=["email"])
    client.post("/oauth/revoke", token=token)
    assert provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200
