"""Trying a client's flow: what is seen, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc import jwk

from flask_oauth2server.domain import audit
from flask_oauth2server.oauth import trial

from ..conftest import close
from ..openid import knowing
from ..support import CALLBACK, Provider, build


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('trial')}/provider.sqlite")
    yield provider
    close(provider)


def tried(provider: Provider, client_id: str, **options: Any) -> trial.Trial:
    options = {"redirect_uri": CALLBACK, "scopes": ["email"], **options}
    with provider.app.test_request_context("/admin/oauth2/"):
        server = provider.app.extensions["oauth2server"]
        info = server.storage.clients.info(client_id)
        return trial.run(server, info, provider.user("ada").id, **options)


def left(provider: Provider) -> tuple[int, int]:
    """How many authorizations and tokens are still good."""
    with provider.app.app_context():
        models = provider.oauth2.models
        granted = provider.db.session.query(models.Authorization).filter_by(revoked_at=None).count()
        alone = provider.db.session.query(models.Token).filter_by(authorization_id=None, revoked_at=None).count()
        return granted, alone


def test_a_code_flow_that_works(provider: Provider) -> None:
    client = provider.client()
    result = tried(provider, client.client_id)
    assert result.failure is None
    assert [step.title for step in result.steps] == ["Authorization request", "Token request", "Refresh"]
    first = result.steps[0]
    assert first.request[0] == "GET https://provider.example/oauth/authorize"
    assert f"  redirect_uri = {CALLBACK}" in first.request
    assert first.answer[0] == f"302 {CALLBACK}"
    assert "  iss = https://provider.example" in first.answer
    assert "  token_type = Bearer" in result.steps[1].answer
    assert result.scopes == ["email"]
    assert result.revoked
    assert result.milliseconds > 0
    lines = [line for step in result.steps for line in (*step.request, *step.answer)]
    assert not [line for line in lines if "o2a_" in line or "o2r_" in line or "o2c_" in line or "o2s_" in line]
    assert left(provider) == (0, 0)
    with provider.app.app_context():
        models = provider.oauth2.models
        assert provider.db.session.query(models.Consent).count() == 0
        kinds = [kind for (kind,) in provider.db.session.query(models.AuditEvent.kind).filter_by(actor_kind=None)]
        assert audit.CLIENT_TRIED in {*kinds, *(e.kind for e in provider.db.session.query(models.AuditEvent))}


def test_what_a_client_is_told_of_the_person(provider: Provider) -> None:
    knowing(provider)
    client = provider.client(scopes=["openid", "email"], id_token_signed_response_alg="ES256")
    result = tried(provider, client.client_id, scopes=["openid", "email"])
    assert result.failure is None and result.told is not None
    assert result.told.header["alg"] == "ES256"
    claims = result.told.claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("https://provider.example", client.client_id, "1")
    assert result.told.userinfo == {"sub": "1", "email": "ada@example.org", "email_verified": True}
    assert left(provider) == (0, 0)


def test_what_is_for_the_client_alone_is_not_opened(provider: Provider) -> None:
    key = jwk.generate_key("EC", "P-256", {"use": "enc"}, auto_kid=True)
    wants = {"id_token_encrypted_response_alg": "ECDH-ES", "jwks": {"keys": [key.as_dict(private=False)]}}
    client = provider.client(scopes=["openid"], **wants)
    result = tried(provider, client.client_id, scopes=["openid"])
    assert result.failure is None
    assert result.told == ({}, {}, {"sub": "1"})


def test_without_openid_it_is_told_nothing(provider: Provider) -> None:
    assert tried(provider, provider.client().client_id).told is None


def test_an_id_token_that_is_not_good_is_a_failure(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    client = provider.client(scopes=["openid"])
    monkeypatch.setattr(provider.app.extensions["oauth2server"].keys, "verifiers", list)
    result = tried(provider, client.client_id, scopes=["openid"])
    assert result.failure is not None and "not signed with a key of this server" in str(result.failure)
    assert left(provider) == (0, 0)


def test_a_service(provider: Provider) -> None:
    client = provider.client(redirect_uris=[], grant_types=["client_credentials"])
    result = tried(provider, client.client_id, redirect_uri="")
    assert (result.failure, result.scopes, result.revoked) == (None, ["email"], True)
    assert [step.title for step in result.steps] == ["Token request"]
    assert left(provider) == (0, 0)


def test_only_the_request_is_checked(provider: Provider) -> None:
    client = provider.client()
    with provider.app.app_context():
        before = provider.db.session.query(provider.oauth2.models.Authorization).count()
    result = tried(provider, client.client_id, only_check=True)
    assert (result.failure, len(result.steps)) == (None, 1)
    with provider.app.app_context():
        assert provider.db.session.query(provider.oauth2.models.Authorization).count() == before


@pytest.mark.parametrize(
    ("values", "options", "cause"),
    [
        ({}, {"redirect_uri": f"{CALLBACK}/"}, "The redirect URI is not registered"),
        ({}, {"scopes": ["email", "more"]}, "The client may not ask for one of the scopes"),
        ({}, {"scopes": []}, "No scope was asked for"),
        ({"redirect_uris": [CALLBACK, f"{CALLBACK}2"]}, {"redirect_uri": ""}, "No redirect URI was sent"),
    ],
)
def test_a_flow_that_fails_says_why(
    provider: Provider, values: dict[str, Any], options: dict[str, Any], cause: str
) -> None:
    client = provider.client(**values)
    result = tried(provider, client.client_id, **options)
    assert result.failure is not None
    assert result.failure.cause.title.startswith(cause)
    assert [check.state for check in result.failure.checks].count("failed") == 1
    assert result.revoked
    with provider.app.app_context():  # it is no refusal of the client
        provider.app.extensions["oauth2server"].records.flush()
        assert provider.db.session.query(provider.oauth2.models.Failure).count() == 0
    assert left(provider) == (0, 0)


def test_a_disabled_client(provider: Provider) -> None:
    client = provider.client()
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(client.client_id))
    assert tried(provider, client.client_id).failure.cause.title == "The client is disabled"


def test_what_was_obtained_ends_though_the_flow_breaks(
    make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make()
    client = provider.client()

    def broken(self: Any, value: str) -> None:
        raise RuntimeError

    monkeypatch.setattr(trial._Runner, "_look_at", broken)
    with pytest.raises(RuntimeError):
        tried(provider, client.client_id)
    assert left(provider) == (0, 0)
