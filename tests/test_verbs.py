"""The Python API beside the protocol, and the signals it sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from blinker import NamedSignal

from flask_oauth2server import InvalidClientMetadata, OAuth2ServerError, Scope, ScopeDoesNotExists, clock, signals

from .support import CALLBACK, Browser, Client, Provider, bearer


@pytest.fixture
def context(provider: Provider) -> Iterator[None]:
    with provider.app.app_context():
        yield


@pytest.fixture
def heard() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Every signal that is sent, by name."""
    events: list[tuple[str, dict[str, Any]]] = []
    receivers = []
    for name, signal in vars(signals).items():
        if isinstance(signal, NamedSignal):

            def hear(app: Any, _heard: str = name, **arguments: Any) -> None:
                assert app.name == "provider"
                events.append((_heard, arguments))

            signal.connect(hear)
            receivers.append((signal, hear))
    yield events
    for signal, hear in receivers:
        signal.disconnect(hear)


def works(provider: Provider, token: str) -> bool:
    return bool(provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200)


# --- clients --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("context")
class TestClients:
    def test_defaults(self, provider: Provider) -> None:
        provider.oauth2.scopes.register(Scope("internal", "x", internal=True))
        client, secret = provider.oauth2.create_client(name="Reader", redirect_uris=[CALLBACK])
        assert client.allowed_grant_types == ["authorization_code", "refresh_token"]
        assert client.allowed_response_types == ["code"]
        assert client.scopes == ["email", "profile", "notes", "openid", "offline_access"]
        assert client.client_type == "confidential"
        assert client.client_metadata["token_endpoint_auth_method"] == "client_secret_basic"
        assert client.default_redirect_uri == CALLBACK
        assert client.verified
        assert len(client.client_id) == 40
        assert secret.startswith("o2s_")
        assert len(secret) == 4 + 60 + 6
        assert not set("%+:") & set(client.client_id + secret)
        service, _ = provider.oauth2.create_client(name="Service")
        assert service.allowed_grant_types == ["client_credentials"]
        assert service.default_redirect_uri is None
        public, nothing = provider.oauth2.create_client(
            name="App", redirect_uris=[CALLBACK], token_endpoint_auth_method="none"
        )
        assert (public.client_type, nothing) == ("public", None)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 256}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"name": None}, "name"),
            ({"client_id": "a b"}, "client_id"),
            ({"client_id": "ü"}, "client_id"),
            ({"client_id": "x" * 513}, "client_id"),
            ({"client_id": "taken"}, "client_id"),
            ({"client_secret": ""}, "client_secret"),
            ({"client_secret": "a\0b"}, "client_secret"),
            ({"client_secret": "x" * 1025}, "client_secret"),
            ({"client_secret": "x", "token_endpoint_auth_method": "none"}, "client_secret"),
            ({"redirect_uris": [], "grant_types": ["authorization_code"]}, "redirect_uris"),
            ({"redirect_uris": ["http://client.example/"]}, "redirect_uris"),
            ({"grant_types": ["password"]}, "grant_types"),
            ({"grant_types": "refresh_token"}, "grant_types"),
            ({"grant_types": ["authorization_code"], "response_types": []}, "response_types"),
            ({"grant_types": ["client_credentials"], "response_types": ["code"]}, "response_types"),
            ({"response_types": ["bogus"]}, "response_types"),
            ({"token_endpoint_auth_method": "private_key_jwt"}, "token_endpoint_auth_method"),
            ({"token_endpoint_auth_method": "none", "require_pkce": False}, "require_pkce"),
            (
                {"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]},
                "grant_types",
            ),
            ({"require_pkce": "yes"}, "require_pkce"),
            ({"scopes": ["bogus"]}, "scope"),
            ({"application_type": "other"}, "application_type"),
            ({"client_uri": "javascript:alert(1)"}, "client_uri"),
            ({"policy_uri": "data:text/html,x"}, "policy_uri"),
            ({"tos_uri": 5}, "tos_uri"),
            ({"client_uri": "https://x\n"}, "client_uri"),
            ({"contacts": "ada"}, "contacts"),
            ({"description": "x" * 5000}, "description"),
            ({"verified": "yes"}, "verified"),
            ({"access_token_expires_in": 0}, "access_token_expires_in"),
            ({"access_token_expires_in": True}, "access_token_expires_in"),
            ({"refresh_token_expires_in": 10**12}, "refresh_token_expires_in"),
            ({"refresh_rotation": "sometimes"}, "refresh_rotation"),
            ({"bogus": 1}, "bogus"),
            ({"user_id": 1}, "user_id"),
            ({"disabled_at": None}, "disabled_at"),
            ({"id": 5}, "id"),
        ],
    )
    def test_what_is_refused(self, provider: Provider, values: dict[str, Any], field: str) -> None:
        provider.oauth2.create_client(name="Taken", client_id="taken", scopes=[])
        with pytest.raises(InvalidClientMetadata) as refusal:
            provider.oauth2.create_client(**{"name": "Reader", "redirect_uris": [CALLBACK], **values})
        assert refusal.value.field == field
        assert refusal.value.message.endswith(".")
        assert len(provider.oauth2.list_clients()) == 1

    def test_editing(self, provider: Provider, heard: list[Any]) -> None:
        client, _ = provider.oauth2.create_client(name="Reader", redirect_uris=[CALLBACK])
        heard.clear()
        changed = provider.oauth2.edit_client(client, name="Writer", redirect_uris=[CALLBACK + "/2"], scopes=["email"])
        assert changed == ["name", "redirect_uris", "scope"]
        assert heard == [("client_updated", {"client": client, "changed": changed})]
        assert provider.oauth2.edit_client(client, name="Writer") == []
        for change in ({"token_endpoint_auth_method": "none"}, {"redirect_uris": ["ftp://x"]}, {"bogus": 1}):
            with pytest.raises(InvalidClientMetadata):
                provider.oauth2.edit_client(client, **change)
        provider.db.session.expire_all()
        assert (client.name, client.redirect_uris, client.scopes) == ("Writer", [CALLBACK + "/2"], ["email"])
        assert provider.oauth2.edit_client(client, token_endpoint_auth_method="client_secret_post")

    def test_pages_of_clients_and_their_owners(self, provider: Provider) -> None:
        ada, bob = provider.user("ada"), provider.user("bob")
        for number in range(5):
            provider.oauth2.create_client(name=f"App {number}", scopes=[], owner=ada if number % 2 else bob)
        first = provider.oauth2.list_clients(limit=3)
        second = provider.oauth2.list_clients(after=first[-1].id)
        assert [client.name for client in first + second] == [f"App {number}" for number in range(5)]
        assert [client.name for client in provider.oauth2.list_clients(owner=ada)] == ["App 1", "App 3"]

    def test_secrets(self, provider: Provider, heard: list[Any]) -> None:
        client, first = provider.oauth2.create_client(name="Service", scopes=[])
        for _ in range(4):
            last = provider.oauth2.rotate_secret(client)
        with pytest.raises(InvalidClientMetadata, match="revoke one first"):
            provider.oauth2.rotate_secret(client)
        assert [secret.hint for secret in provider.oauth2.list_secrets(client)][-1] == last[-4:]
        assert provider.oauth2.revoke_secret(client, first[-4:]) == 1
        assert provider.oauth2.revoke_secret(client, first[-4:]) == 0
        assert provider.oauth2.rotate_secret(client, old_expire_in=0)
        assert len(provider.oauth2.list_secrets(client)) == 1
        assert provider.oauth2.rotate_secret(client, client_secret="brought along")
        short = [secret.hint for secret in provider.oauth2.list_secrets(client)][1]
        assert short.startswith("~")
        assert short[1:] not in "brought along"
        assert heard[-1] == ("secret_created", {"client": client, "hint": short})
        assert [name for name, _ in heard].count("secret_created") == 6
        assert [name for name, _ in heard].count("secret_revoked") == 1
        public, _ = provider.oauth2.create_client(
            name="App", redirect_uris=[CALLBACK], token_endpoint_auth_method="none"
        )
        with pytest.raises(InvalidClientMetadata, match="public client has no secret"):
            provider.oauth2.rotate_secret(public)

    def test_nothing_is_committed_where_that_is_left_to_the_caller(self, provider: Provider) -> None:
        client, _ = provider.oauth2.create_client(name="Service", scopes=[], commit=False)
        assert client.id
        provider.db.session.rollback()
        assert provider.oauth2.list_clients() == []
        client, _ = provider.oauth2.create_client(name="Service", scopes=[])
        provider.oauth2.edit_client(client, name="Other", commit=False)
        provider.oauth2.rotate_secret(client, commit=False)
        provider.oauth2.disable_client(client, commit=False)
        provider.db.session.rollback()
        assert (client.name, client.disabled_at) == ("Service", None)
        assert len(provider.oauth2.list_secrets(client)) == 1
        provider.oauth2.delete_client(client, commit=False)
        provider.db.session.rollback()
        assert len(provider.oauth2.list_clients()) == 1

    def test_signals_of_a_client_s_life(self, provider: Provider, heard: list[Any]) -> None:
        client, _ = provider.oauth2.create_client(name="Service", scopes=[], client_id="service")
        provider.oauth2.disable_client(client)
        provider.oauth2.enable_client(client)
        provider.oauth2.delete_client(client)
        assert [name for name, _ in heard] == ["client_created", "client_disabled", "client_disabled", "client_deleted"]
        assert heard[1][1] == {"client": client, "disabled": True}
        assert heard[3][1] == {"client_id": "service"}

    def test_two_registrations_of_one_id_at_once(self, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
        provider.oauth2.create_client(name="First", client_id="same", scopes=[])
        storage = provider.app.extensions["oauth2server"].storage
        monkeypatch.setattr(storage.clients, "get", lambda _: None)  # as the loser of the race sees it
        with pytest.raises(InvalidClientMetadata, match="taken meanwhile"):
            provider.oauth2.create_client(name="Second", client_id="same", scopes=[])

    def test_lifetimes_of_a_client(self, provider: Provider) -> None:
        model, secret = provider.oauth2.create_client(
            name="Reader", redirect_uris=[CALLBACK], access_token_expires_in=60, refresh_token_expires_in=120
        )
        client = Client(provider, model.client_id, secret, [CALLBACK])
        tokens = client.tokens(provider.browser("ada"))
        assert tokens["expires_in"] == 60
        row = provider.db.session.query(provider.oauth2.models.Token).one()
        assert (row.refresh_expires_at - row.created_at).total_seconds() == 120


# --- personal tokens ------------------------------------------------------------------------------


@pytest.mark.usefixtures("context")
class TestPersonalTokens:
    def test_from_making_to_revoking(self, provider: Provider, heard: list[Any]) -> None:
        ada = provider.user("ada")
        value = provider.oauth2.create_personal_token(ada, name=" laptop ", scopes=["email", "email"], expires_in=60)
        assert value.startswith("o2p_")
        assert works(provider, value)
        (row,) = provider.oauth2.list_personal_tokens(ada)
        assert (row.name, row.scopes, row.hint) == ("laptop", ["email"], value[-4:])
        assert (row.expires_at - row.created_at).total_seconds() == 60
        assert value not in str(vars(row))
        assert provider.oauth2.list_personal_tokens(provider.user("bob")) == []
        assert provider.oauth2.revoke_personal_token(row)
        assert not provider.oauth2.revoke_personal_token(row)
        assert not works(provider, value)
        assert provider.oauth2.list_personal_tokens(ada) == []
        names = [name for name, _ in heard]
        assert names[0] == "personal_token_created"
        assert ("token_revoked", {"client_id": None, "user_id": 1, "name": "laptop"}) in heard

    @pytest.mark.parametrize("seconds", [0, -1, 366 * 86400 + 1])
    def test_it_always_ends(self, provider: Provider, seconds: int) -> None:
        with pytest.raises(OAuth2ServerError, match="lives 1 to 31622400 seconds"):
            provider.oauth2.create_personal_token(provider.user("ada"), name="x", scopes=[], expires_in=seconds)

    def test_by_default_after_ninety_days(self, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
        value = provider.oauth2.create_personal_token(provider.user("ada"), name="x", scopes=[])
        now = clock.timestamp()
        monkeypatch.setattr(clock, "timestamp", lambda: now + 90 * 86400 - 10)
        assert works(provider, value)
        monkeypatch.setattr(clock, "timestamp", lambda: now + 90 * 86400 + 10)
        assert not works(provider, value)

    @pytest.mark.parametrize("name", ["", "  ", "x" * 256, "a\0b", None])
    def test_it_has_a_name(self, provider: Provider, name: Any) -> None:
        with pytest.raises(OAuth2ServerError, match="Give the token a name"):
            provider.oauth2.create_personal_token(provider.user("ada"), name=name, scopes=[])

    def test_its_scopes_exist(self, provider: Provider) -> None:
        with pytest.raises(ScopeDoesNotExists) as refusal:
            provider.oauth2.create_personal_token(provider.user("ada"), name="x", scopes=["bogus"])
        assert refusal.value.scope == "bogus"


# --- authorizations -------------------------------------------------------------------------------


@pytest.mark.usefixtures("context")
class TestAuthorizations:
    def test_ending_one_leaves_the_others_and_the_consent(
        self, provider: Provider, client: Client, ada: Browser, heard: list[Any]
    ) -> None:
        laptop, phone = client.tokens(ada)["access_token"], client.tokens(ada)["access_token"]
        found = provider.oauth2.list_authorizations(user=provider.user("ada"))
        assert [client_id for _, client_id in found] == [client.client_id] * 2
        first = found[0][0]
        assert first.scopes == ["email"]
        heard.clear()
        assert provider.oauth2.revoke_authorization(first.public_id, reason="lost laptop")
        assert not provider.oauth2.revoke_authorization(first.public_id)
        assert not provider.oauth2.revoke_authorization("unknown")
        told = {"authorization": first.public_id, "client_id": client.client_id, "user_id": 1, "reason": "lost laptop"}
        assert heard == [("authorization_revoked", told)]
        assert (works(provider, laptop), works(provider, phone)) == (False, True)
        assert ada.visit(client.address()).status_code == 302

    def test_ending_all_of_a_user_a_client_or_both(self, provider: Provider, client: Client, ada: Browser) -> None:
        other, bob = provider.client(name="Other"), provider.browser("bob")
        tokens = {
            (who, which): app.tokens(browser)["access_token"]
            for who, browser in (("ada", ada), ("bob", bob))
            for which, app in (("reader", client), ("other", other))
        }

        def alive() -> set[tuple[str, str]]:
            return {key for key, token in tokens.items() if works(provider, token)}

        model = provider.oauth2.get_client(client.client_id)
        assert provider.oauth2.revoke_application(provider.user("ada"), model) == 1
        assert alive() == {("ada", "other"), ("bob", "reader"), ("bob", "other")}
        assert provider.oauth2.revoke_authorizations(client=model) == 1
        assert alive() == {("ada", "other"), ("bob", "other")}
        assert provider.oauth2.revoke_authorizations(user=provider.user("bob")) == 1
        assert alive() == {("ada", "other")}
        with pytest.raises(ValueError, match="Name a user or a client"):
            provider.oauth2.revoke_authorizations()

    def test_more_than_a_page_of_them(self, provider: Provider, client: Client, ada: Browser) -> None:
        for _ in range(7):
            ada.allow(client.address())
        storage = provider.app.extensions["oauth2server"].storage
        assert len(storage.authorizations.live(user=1, limit=3)) == 3
        real = storage.authorizations.live
        storage.authorizations.live = lambda **whose: real(**whose, limit=3)
        assert provider.oauth2.revoke_authorizations(user=provider.user("ada"), commit=False) == 7
        del storage.authorizations.live
        provider.db.session.rollback()
        assert len(provider.oauth2.list_authorizations()) == 7


# --- users ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("context")
class TestUsers:
    def test_what_is_stored_of_a_user(self, provider: Provider, client: Client, ada: Browser) -> None:
        client.tokens(ada)
        provider.oauth2.create_personal_token(provider.user("ada"), name="laptop", scopes=["email"])
        provider.oauth2.create_client(name="Mine", client_id="mine", scopes=[], owner=provider.user("ada"))
        exported = provider.oauth2.export_user(provider.user("ada"))
        assert [row["client_id"] for row in exported["authorizations"]] == [client.client_id]
        assert [row["scope"] for row in exported["consents"]] == ["email"]
        assert [row["name"] for row in exported["personal_tokens"]] == ["laptop"]
        assert exported["clients"] == [{"client_id": "mine", "name": "Mine"}]
        assert "digest" not in str(exported)
        import json

        assert json.loads(json.dumps(exported)) == exported
        empty = provider.oauth2.export_user(provider.user("bob"))
        assert len(empty) == 8
        assert not any(empty.values())

    def test_forgetting_a_user(self, provider: Provider, client: Client, ada: Browser, heard: list[Any]) -> None:
        token = client.tokens(ada)["access_token"]
        kept = client.tokens(provider.browser("bob"))["access_token"]
        heard.clear()
        provider.oauth2.forget_user(provider.user("ada"))
        assert heard == [("user_forgotten", {"user_id": 1})]
        assert (works(provider, token), works(provider, kept)) == (False, True)
        assert provider.oauth2.export_user(provider.user("ada"))["authorizations"] == []

    def test_a_deletion_that_is_rolled_back_forgets_nobody(
        self, provider: Provider, client: Client, ada: Browser, heard: list[Any]
    ) -> None:
        token = client.tokens(ada)["access_token"]
        heard.clear()
        provider.db.session.delete(provider.user("ada"))
        provider.db.session.flush()
        provider.db.session.rollback()
        provider.db.session.commit()
        assert heard == []
        assert works(provider, token)


def test_no_model_s_repr_tells_a_value(provider: Provider, client: Client, ada: Browser) -> None:
    tokens = client.tokens(ada)
    with provider.app.app_context():
        models = provider.oauth2.models
        told = " ".join(repr(row) for model in models for row in provider.db.session.query(model))
        info = repr(provider.app.extensions["oauth2server"].storage.clients.info(client.client_id))
        digests = [row.digest for row in provider.db.session.query(models.ClientSecret)]
    for value in (*tokens.values(), client.secret, *digests):
        assert str(value) not in told + info or str(value) in ("Bearer", "email", "3600")
