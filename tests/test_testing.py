"""What the package brings for the test suites of its users."""

from __future__ import annotations

from typing import Any

import pytest
from flask_login import current_user

from flask_oauth2server import ScopeDoesNotExists, current_token, require_oauth
from flask_oauth2server.testing import OAuth2TestClient, access_token

from .support import Client, Provider, bearer


@pytest.fixture
def provider(provider: Provider) -> Provider:
    @provider.app.get("/me")
    @require_oauth("email")
    def me() -> Any:
        name = current_user.name if current_user.is_authenticated else None
        return {"name": name, "client": current_token.client_id}

    provider.app.test_client_class = OAuth2TestClient
    return provider


def user(provider: Provider, name: str) -> Any:
    with provider.app.app_context():
        found = provider.user(name)
        provider.db.session.expunge(found)
        return found


def test_a_test_client_that_carries_a_token(provider: Provider, client: Client) -> None:
    def told(**whose: Any) -> Any:
        return provider.app.test_client(**whose, scopes=["email"]).get("/me").json

    ada = user(provider, "ada")
    assert told(user=ada) == {"name": "ada", "client": None}
    assert told(user=ada, client_id=client.client_id) == {"name": "ada", "client": client.client_id}
    assert told(client_id=client.client_id) == {"name": None, "client": client.client_id}


def test_without_arguments_it_carries_none(provider: Provider) -> None:
    assert provider.app.test_client().get("/me").status_code == 401


def test_scopes_and_ends_are_judged_as_ever(provider: Provider) -> None:
    ada = user(provider, "ada")
    assert provider.app.test_client(user=ada, scopes=["profile"]).get("/me").status_code == 403
    assert provider.app.test_client(user=ada, scopes=["email"], expires_in=0).get("/me").status_code == 401
    with provider.app.app_context():
        provider.oauth2.forget_user(ada)
    assert provider.api().get("/me", headers=bearer(access_token(provider.app, user=ada))).status_code == 403


def test_mistakes(provider: Provider) -> None:
    with pytest.raises(ValueError, match="Name a user"):
        access_token(provider.app)
    with pytest.raises(ValueError, match="There is no client 'nobody'"):
        access_token(provider.app, client_id="nobody")
    with pytest.raises(ScopeDoesNotExists):
        access_token(provider.app, user=user(provider, "ada"), scopes=["bogus"])
