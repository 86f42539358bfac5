"""RFC 6749, 6 and RFC 9700, 4.14: refresh tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..support import Browser, Client, Provider, bearer
from .test_authorization_code import assert_refused, at


def works(provider: Provider, token: str) -> bool:
    return provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200


def test_the_previous_access_token_lives_on(provider: Provider, client: Client, ada: Browser) -> None:
    first = client.tokens(ada)
    second = client.refresh(first["refresh_token"]).json
    assert works(provider, first["access_token"])
    assert works(provider, second["access_token"])


def test_the_previous_access_token_ends_where_that_is_set(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_REVOKE_ACCESS_ON_REFRESH": True})
    client = provider.client()
    first = client.tokens(provider.browser("ada"))
    second = client.refresh(first["refresh_token"]).json
    assert not works(provider, first["access_token"])
    assert works(provider, second["access_token"])


def test_a_scope_may_be_narrowed_and_the_family_stays_as_wide(client: Client, ada: Browser) -> None:
    first = client.tokens(ada, scope="email profile")
    narrow = client.refresh(first["refresh_token"], scope="email").json
    assert narrow["scope"] == "email"
    assert client.refresh(narrow["refresh_token"]).json["scope"] == "email profile"


def test_a_scope_named_a_thousand_times_is_granted_once(client: Client, ada: Browser) -> None:
    first = client.tokens(ada, scope="email profile")
    assert client.refresh(first["refresh_token"], scope="email " * 9000).json["scope"] == "email"


def test_a_scope_is_never_widened(client: Client, ada: Browser) -> None:
    first = client.tokens(ada, scope="email")
    assert_refused(client.refresh(first["refresh_token"], scope="email profile"), "invalid_scope")
    assert_refused(client.refresh(first["refresh_token"], scope="bogus"), "invalid_scope")
    assert client.refresh(first["refresh_token"]).status_code == 200


def test_it_is_bound_to_its_client(provider: Provider, client: Client, ada: Browser) -> None:
    first = client.tokens(ada)
    assert_refused(provider.client(name="Other").refresh(first["refresh_token"]))
    public = provider.client(name="Public", token_endpoint_auth_method="none")
    assert_refused(public.refresh(first["refresh_token"]))
    assert client.refresh(first["refresh_token"]).status_code == 200


def test_a_confidential_client_has_to_authenticate(provider: Provider, client: Client, ada: Browser) -> None:
    first = client.tokens(ada)
    response = client.refresh(first["refresh_token"], basic=False)
    assert_refused(response, "invalid_client", 401)


@pytest.mark.parametrize("token", [None, "garbage", "o2r_" + "x" * 49])
def test_what_is_no_refresh_token(client: Client, token: str | None) -> None:
    assert_refused(client.refresh(token), "invalid_request" if token is None else "invalid_grant")  # type: ignore[arg-type]


def test_an_access_token_is_no_refresh_token(client: Client, ada: Browser) -> None:
    assert_refused(client.refresh(client.tokens(ada)["access_token"]))


def test_a_client_without_the_grant_gets_none(provider: Provider, ada: Browser) -> None:
    client = provider.client(grant_types=["authorization_code"])
    tokens = client.tokens(ada)
    assert "refresh_token" not in tokens
    assert_refused(client.refresh("o2r_" + "x" * 49), "unauthorized_client")


def test_it_ends_when_it_was_not_used_for_thirty_days(
    client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.tokens(ada)
    at(monkeypatch, 29 * 86400)
    second = client.refresh(first["refresh_token"])
    assert second.status_code == 200
    at(monkeypatch, 30 * 86400 + 1)
    assert_refused(client.refresh(second.json["refresh_token"]))


def test_it_ends_with_its_authorization_however_often_it_was_used(
    make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make(config={"OAUTH2_AUTHORIZATION_EXPIRES_IN": 5000})
    client = provider.client()
    first = client.tokens(provider.browser("ada"))
    at(monkeypatch, 4000)
    second = client.refresh(first["refresh_token"]).json
    assert 900 <= second["expires_in"] <= 1000
    at(monkeypatch, 1001)
    assert_refused(client.refresh(second["refresh_token"]))
    assert not works(provider, second["access_token"])


def test_reuse_ends_the_family_after_expiry_and_purge(
    provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.tokens(ada)
    at(monkeypatch, 20 * 86400)
    second = client.refresh(first["refresh_token"]).json
    at(monkeypatch, 20 * 86400)
    third = client.refresh(second["refresh_token"]).json
    with provider.app.app_context():
        provider.oauth2.purge()
    assert works(provider, third["access_token"])
    assert_refused(client.refresh(first["refresh_token"]))
    assert not works(provider, third["access_token"])
    assert_refused(client.refresh(third["refresh_token"]))


def test_only_the_replayed_family_ends(provider: Provider, client: Client, ada: Browser) -> None:
    laptop, phone = client.tokens(ada), client.tokens(ada)
    client.refresh(laptop["refresh_token"])
    assert_refused(client.refresh(laptop["refresh_token"]))
    assert works(provider, phone["access_token"])
    assert client.refresh(phone["refresh_token"]).status_code == 200


def test_a_client_may_be_exempt_from_rotation(
    provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = provider.client(refresh_rotation="never")
    first = client.tokens(ada)
    for _ in range(3):
        at(monkeypatch, 20 * 86400)
        again = client.refresh(first["refresh_token"]).json
        assert again["refresh_token"] == first["refresh_token"]
        assert works(provider, again["access_token"])
    at(monkeypatch, 31 * 86400)
    assert_refused(client.refresh(first["refresh_token"]))


def test_a_public_client_always_rotates(provider: Provider, ada: Browser) -> None:
    client = provider.client(refresh_rotation="never", token_endpoint_auth_method="none")
    first = client.tokens(ada)
    assert client.refresh(first["refresh_token"]).json["refresh_token"] != first["refresh_token"]
    assert_refused(client.refresh(first["refresh_token"]))


class TestGrace:
    """A client that lost an answer may ask again, for a while."""

    @pytest.fixture
    def provider(self, make: Callable[..., Provider]) -> Provider:
        return make(config={"OAUTH2_REFRESH_GRACE": 60})

    def test_a_rotated_token_yields_another_successor(self, provider: Provider, client: Client, ada: Browser) -> None:
        first = client.tokens(ada)
        lost = client.refresh(first["refresh_token"]).json
        second = client.refresh(first["refresh_token"])
        assert second.status_code == 200
        assert second.json["refresh_token"] != lost["refresh_token"]
        assert client.refresh(second.json["refresh_token"]).status_code == 200

    def test_not_once_a_successor_was_used(self, provider: Provider, client: Client, ada: Browser) -> None:
        first = client.tokens(ada)
        second = client.refresh(first["refresh_token"]).json
        third = client.refresh(second["refresh_token"]).json
        assert_refused(client.refresh(first["refresh_token"]))
        assert not works(provider, third["access_token"])

    def test_not_when_the_time_is_over(
        self, provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = client.tokens(ada)
        second = client.refresh(first["refresh_token"]).json
        at(monkeypatch, 62)
        assert_refused(client.refresh(first["refresh_token"]))
        assert not works(provider, second["access_token"])

    def test_not_after_a_revocation(self, provider: Provider, client: Client, ada: Browser) -> None:
        first = client.tokens(ada)
        second = client.refresh(first["refresh_token"]).json
        client.post("/oauth/revoke", token=second["refresh_token"])
        assert_refused(client.refresh(first["refresh_token"]))
        assert not works(provider, second["access_token"])


def test_grace_on_each_database(any_database: str) -> None:
    from ..support import build

    provider = build(any_database, config={"OAUTH2_REFRESH_GRACE": 60})
    client = provider.client()
    first = client.tokens(provider.browser("ada"))
    second = client.refresh(first["refresh_token"])
    again = client.refresh(first["refresh_token"])
    assert (second.status_code, again.status_code) == (200, 200)
    assert client.refresh(second.json["refresh_token"]).status_code == 200
    assert_refused(client.refresh(again.json["refresh_token"]))
    with provider.app.app_context():
        provider.db.session.remove()
        provider.db.engine.dispose()


def test_a_deactivated_user(provider: Provider, client: Client, ada: Browser) -> None:
    first = client.tokens(ada)
    with provider.app.app_context():
        provider.user("ada").is_active = False
        provider.db.session.commit()
    assert_refused(client.refresh(first["refresh_token"]))
    with provider.app.app_context():
        provider.user("ada").is_active = True
        provider.db.session.commit()
    assert client.refresh(first["refresh_token"]).status_code == 200


def test_refresh_tokens_are_stored_as_digests(provider: Provider, client: Client, ada: Browser) -> None:
    tokens: dict[str, Any] = client.tokens(ada)
    with provider.app.app_context():
        stored = " ".join(str(vars(row)) for row in provider.db.session.query(provider.oauth2.models.Token))
    assert tokens["refresh_token"] not in stored
    assert tokens["access_token"] not in stored
