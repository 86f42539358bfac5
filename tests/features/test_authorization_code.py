"""RFC 6749, 4.1.3 and RFC 7636: what a code is worth, and PKCE."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from flask_oauth2server import clock

from ..support import CALLBACK, Browser, Client, Provider, answer_of, bearer, pkce


def assert_refused(response: Any, error: str = "invalid_grant", status: int = 400) -> None:
    assert (response.status_code, response.json["error"]) == (status, error), response.text
    assert response.headers["Cache-Control"] == "no-store"


def test_s256_works_and_is_announced(provider: Provider, client: Client, ada: Browser) -> None:
    metadata = provider.api().get("/.well-known/oauth-authorization-server").json
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert client.exchange(client.code(ada)).status_code == 200


@pytest.mark.parametrize("verifier", [None, "", "x" * 42, "x" * 43, "x" * 129, "ü" * 43, "a b" * 20, "{challenge}"])
def test_a_wrong_or_missing_verifier_leaves_the_code_unused(client: Client, ada: Browser, verifier: str | None) -> None:
    code = client.code(ada)
    sent = client.challenge if verifier == "{challenge}" else verifier
    assert_refused(client.exchange(code, code_verifier=sent))
    assert client.exchange(code).status_code == 200


@pytest.mark.parametrize("length", [42, 129])
def test_a_verifier_of_the_wrong_length_is_refused_even_if_it_fits(client: Client, ada: Browser, length: int) -> None:
    import base64
    import hashlib

    verifier = "v" * length
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    code = client.code(ada, code_challenge=challenge)
    assert_refused(client.exchange(code, code_verifier=verifier))


@pytest.mark.parametrize("length", [43, 128])
def test_the_shortest_and_longest_verifiers_are_accepted(client: Client, ada: Browser, length: int) -> None:
    import base64
    import hashlib

    verifier = "v" * length
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert client.exchange(client.code(ada, code_challenge=challenge), code_verifier=verifier).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S512"},
        {"code_challenge": None},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 44},
        {"code_challenge": "=" * 43},
        {"code_challenge": None, "code_challenge_method": None},
    ],
)
@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_other_challenges_are_refused(
    provider: Provider, ada: Browser, method: str, changes: dict[str, str | None]
) -> None:
    client = provider.client(token_endpoint_auth_method=method)
    assert answer_of(ada.visit(client.address(**changes)))["error"] == "invalid_request"


def test_only_a_confidential_client_may_go_without_pkce(provider: Provider, ada: Browser) -> None:
    client = provider.client(require_pkce=False)
    code = client.code(ada, code_challenge=None, code_challenge_method=None)
    assert client.exchange(code, code_verifier=None).status_code == 200


def test_a_verifier_without_a_challenge_is_refused(provider: Provider, ada: Browser) -> None:
    """Otherwise an attacker could strip the challenge (RFC 9700, 4.8.2)."""
    client = provider.client(require_pkce=False)
    code = client.code(ada, code_challenge=None, code_challenge_method=None)
    assert_refused(client.exchange(code))
    assert client.exchange(code, code_verifier=None).status_code == 200


def test_a_client_that_may_go_without_pkce_is_held_to_a_challenge_it_sent(provider: Provider, ada: Browser) -> None:
    client = provider.client(require_pkce=False)
    assert_refused(client.exchange(client.code(ada), code_verifier=None))


def test_a_code_works_once_and_a_replay_ends_what_it_gave(provider: Provider, client: Client, ada: Browser) -> None:
    code = client.code(ada)
    tokens = client.exchange(code).json
    assert_refused(client.exchange(code))
    assert provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"])).status_code == 401
    assert_refused(client.refresh(tokens["refresh_token"]))
    assert_refused(client.exchange(code))


def test_a_replay_with_a_wrong_verifier_ends_nothing(provider: Provider, client: Client, ada: Browser) -> None:
    """Whoever saw the code in a log must not be able to sign somebody out."""
    code = client.code(ada)
    token = client.exchange(code).json["access_token"]
    assert_refused(client.exchange(code, code_verifier=pkce()[0]))
    assert provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Move the one clock."""
    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + seconds)


def test_a_code_expires_after_a_minute(client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    code = client.code(ada)
    at(monkeypatch, 61)
    assert_refused(client.exchange(code))


def test_a_code_used_again_after_thirty_seconds(
    provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = client.code(ada)
    token = client.exchange(code).json["access_token"]
    at(monkeypatch, 30)
    assert_refused(client.exchange(code))
    assert provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 401


def test_a_replay_is_seen_after_the_code_has_expired_and_purge_has_run(
    provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = client.code(ada)
    token = client.exchange(code).json["access_token"]
    at(monkeypatch, 3000)
    with provider.app.app_context():
        provider.oauth2.purge()
    assert_refused(client.exchange(code))
    assert provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 401


def test_the_code_of_another_client(provider: Provider, client: Client, ada: Browser) -> None:
    other = provider.client(name="Other")
    code = client.code(ada)
    assert_refused(other.exchange(code, code_verifier=client.verifier))
    assert client.exchange(code).status_code == 200


@pytest.mark.parametrize("uri", ["https://client.example/other", CALLBACK + "/", CALLBACK + "?", "x", "https://[::1"])
def test_another_redirect_uri_at_the_exchange(client: Client, ada: Browser, uri: str) -> None:
    code = client.code(ada)
    assert_refused(client.exchange(code, redirect_uri=uri))
    assert client.exchange(code).status_code == 200


def test_the_redirect_uri_may_be_left_out_with_a_challenge(client: Client, ada: Browser) -> None:
    assert client.exchange(client.code(ada), redirect_uri=None).status_code == 200


def test_without_a_challenge_the_redirect_uri_must_be_repeated_if_it_was_sent(provider: Provider, ada: Browser) -> None:
    client = provider.client(require_pkce=False)
    bare = {"code_challenge": None, "code_challenge_method": None}
    assert_refused(client.exchange(client.code(ada, **bare), code_verifier=None, redirect_uri=None))
    code = client.code(ada, redirect_uri=None, **bare)
    assert client.exchange(code, code_verifier=None, redirect_uri=None).status_code == 200
    code = client.code(ada, redirect_uri=None, **bare)
    assert_refused(client.exchange(code, code_verifier=None, redirect_uri="https://evil.example/"))


@pytest.mark.parametrize("code", [None, "", "garbage", "o2c_" + "x" * 49, "ü", "x" * 5000])
def test_what_is_no_code(client: Client, code: str | None) -> None:
    assert_refused(client.exchange(code), "invalid_request" if not code else "invalid_grant")  # type: ignore[arg-type]


def test_values_of_other_kinds_are_no_codes(client: Client, ada: Browser) -> None:
    tokens = client.tokens(ada)
    assert_refused(client.exchange(tokens["access_token"]))
    assert_refused(client.exchange(tokens["refresh_token"]))
    code = client.code(ada)
    assert_refused(client.refresh(code))


def test_the_scope_cannot_be_widened_at_the_exchange(client: Client, ada: Browser) -> None:
    response = client.exchange(client.code(ada), scope="email profile notes")
    assert response.json["scope"] == "email"


def test_a_user_who_was_deactivated_or_deleted_meanwhile(provider: Provider, client: Client, ada: Browser) -> None:
    code, other = client.code(ada), client.code(provider.browser("bob"))
    with provider.app.app_context():
        provider.user("ada").is_active = False
        provider.db.session.delete(provider.user("bob"))
        provider.db.session.commit()
    assert_refused(client.exchange(code))
    assert_refused(client.exchange(other))


def test_codes_are_stored_as_digests_and_forget_the_state(provider: Provider, client: Client, ada: Browser) -> None:
    code = client.code(ada, state="very-secret-state")
    with provider.app.app_context():
        rows = provider.db.session.query(provider.oauth2.models.Grant).all()
        stored = " ".join(str(vars(row)) for row in rows)
    assert code not in stored
    assert "very-secret-state" not in stored
    assert rows[0].expires_at - rows[0].created_at == timedelta(seconds=60)
    assert isinstance(rows[0].created_at, datetime)


def test_codes_are_long_enough(client: Client, ada: Browser) -> None:
    codes = {client.code(ada) for _ in range(20)}
    assert len(codes) == 20
    assert all(len(code.removeprefix("o2c_")) - 6 >= 43 for code in codes)  # 62^43 > 2^256
