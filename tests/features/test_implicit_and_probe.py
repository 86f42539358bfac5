"""RFC 6749, 4.2, switched on; and the endpoints that clients try themselves on."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest

from ..support import CALLBACK, Client, Provider, answer_of, bearer


@pytest.fixture
def implicit(make: Callable[..., Provider]) -> Provider:
    return make(config={"OAUTH2_ENABLE_IMPLICIT": True, "TESTING": True})


def registered(provider: Provider) -> Client:
    return provider.client(
        response_types=["token", "code"], scopes=["email", "test:scope"], token_endpoint_auth_method="none"
    )


def test_the_token_comes_in_the_fragment(implicit: Provider) -> None:
    client, ada = registered(implicit), implicit.browser("ada")
    address = client.address(response_type="token", scope="test:scope", code_challenge=None, code_challenge_method=None)
    location = ada.allow(address).headers["Location"]
    parts = urlsplit(location)
    assert not parts.query
    answer = dict(parse_qsl(parts.fragment))
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope", "state", "iss"}
    assert (answer["state"], answer["scope"]) == ("xyz", "test:scope")
    info = implicit.api().get("/oauth/info/", headers=bearer(answer["access_token"]))
    assert info.json == {"user": "1", "client": client.client_id, "scopes": ["test:scope"]}


def test_errors_come_in_the_fragment_too(implicit: Provider) -> None:
    client, ada = registered(implicit), implicit.browser("ada")
    response = ada.visit(client.address(response_type="token", scope="bogus"))
    assert response.headers["Location"].startswith(f"{CALLBACK}#error=invalid_scope")
    assert answer_of(response)["state"] == "xyz"


def test_a_token_is_never_put_into_the_query(implicit: Provider) -> None:
    client, ada = registered(implicit), implicit.browser("ada")
    response = ada.visit(client.address(response_type="token", response_mode="query"))
    assert answer_of(response)["error"] == "invalid_request"
    assert "#" in response.headers["Location"].rstrip("#")


def test_a_code_may_be_put_into_the_fragment(implicit: Provider) -> None:
    client, ada = registered(implicit), implicit.browser("ada")
    location = ada.allow(client.address(response_mode="fragment")).headers["Location"]
    assert location.startswith(f"{CALLBACK}#code=")


def test_a_client_has_to_have_registered_it(implicit: Provider) -> None:
    client = implicit.client()
    answer = answer_of(implicit.browser("ada").visit(client.address(response_type="token")))
    assert answer["error"] == "unauthorized_client"


def test_an_implicit_authorization_ends_with_its_token(implicit: Provider) -> None:
    client = implicit.client(response_types=["token"], grant_types=["implicit"])
    implicit.browser("ada").allow(client.address(response_type="token"))
    with implicit.app.app_context():
        row = implicit.db.session.query(implicit.oauth2.models.Authorization).one()
        assert (row.expires_at - row.created_at).total_seconds() == 3660
        assert not row.offline


# --- ping, info, invalid --------------------------------------------------------------------------


def test_ping_takes_any_valid_token_by_get_and_post(implicit: Provider) -> None:
    token = registered(implicit).tokens(implicit.browser("ada"))["access_token"]
    assert implicit.api().get("/oauth/ping/", headers=bearer(token)).json == {"ping": "pong"}
    assert implicit.api().post("/oauth/ping/", headers=bearer(token)).json == {"ping": "pong"}
    assert implicit.api().put("/oauth/ping/", headers=bearer(token)).status_code == 405


def test_info_names_the_owner_as_such(implicit: Provider) -> None:
    with implicit.app.app_context():
        model, secret = implicit.oauth2.create_client(name="Service", scopes=["test:scope"], owner=implicit.user("bob"))
        service = Client(implicit, model.client_id, secret, [])
    token = service.post("/oauth/token", grant_type="client_credentials").json["access_token"]
    told = implicit.api().get("/oauth/info/", headers=bearer(token)).json
    assert told == {"user": None, "client": service.client_id, "scopes": ["test:scope"], "client_owner": "2"}


def test_info_exists_in_testing_debug_and_development_only(provider: Provider) -> None:
    response = provider.api().get("/oauth/info/")
    assert (response.status_code, response.mimetype) == (404, "application/json")
    assert "test:scope" not in provider.app.extensions["oauth2server"].scopes


def test_invalid_is_never_reached(implicit: Provider) -> None:
    token = registered(implicit).tokens(implicit.browser("ada"))["access_token"]
    response = implicit.api().get("/oauth/invalid/", headers=bearer(token))
    assert (response.status_code, response.json["error"]) == (403, "insufficient_scope")
    assert implicit.api().get("/oauth/invalid/").status_code == 401
