"""The authorization code flow from end to end, on each database."""

from __future__ import annotations

from ..support import Provider, answer_of, bearer


def test_a_code_becomes_tokens_that_open_a_view(any_provider: Provider) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    answer = answer_of(ada.allow(client.address()))
    assert answer["state"] == "xyz"
    assert answer["iss"] == "https://provider.example"
    response = client.exchange(answer["code"])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json["token_type"] == "Bearer"
    assert response.json["scope"] == "email"
    api = any_provider.api()
    assert api.get("/oauth/ping/", headers=bearer(response.json["access_token"])).json == {"ping": "pong"}
    assert api.get("/oauth/ping/").status_code == 401


def test_a_refresh_token_rotates_and_its_reuse_ends_the_family(any_provider: Provider) -> None:
    client = any_provider.client()
    first = client.tokens(any_provider.browser("ada"))
    second = client.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    api = any_provider.api()
    assert api.get("/oauth/ping/", headers=bearer(second["access_token"])).status_code == 200
    replay = client.refresh(first["refresh_token"])
    assert (replay.status_code, replay.json["error"]) == (400, "invalid_grant")
    assert api.get("/oauth/ping/", headers=bearer(second["access_token"])).status_code == 401
    assert client.refresh(second["refresh_token"]).json["error"] == "invalid_grant"
