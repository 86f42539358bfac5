"""RFC 8414: the server's description of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..support import ISSUER, Provider

WELL_KNOWN = "/.well-known/oauth-authorization-server"


def test_the_document(provider: Provider) -> None:
    response = provider.api().get(WELL_KNOWN)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.json == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/oauth/authorize",
        "token_endpoint": f"{ISSUER}/oauth/token",
        "introspection_endpoint": f"{ISSUER}/oauth/introspect",
        "revocation_endpoint": f"{ISSUER}/oauth/revoke",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": ["email", "profile", "notes", "openid", "offline_access"],
        "jwks_uri": f"{ISSUER}/oauth/jwks",
        "userinfo_endpoint": f"{ISSUER}/oauth/userinfo",
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "claim_types_supported": ["normal"],
        "claims_supported": ["sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash", "sid"],
        "claims_parameter_supported": True,
        "id_token_encryption_alg_values_supported": ["RSA-OAEP-256", "ECDH-ES"],
        "id_token_encryption_enc_values_supported": ["A128CBC-HS256", "A256GCM"],
        "userinfo_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "userinfo_encryption_alg_values_supported": ["RSA-OAEP-256", "ECDH-ES"],
        "userinfo_encryption_enc_values_supported": ["A128CBC-HS256", "A256GCM"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "end_session_endpoint": f"{ISSUER}/oauth/logout",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "http"}]
)
def test_no_header_decides_what_it_says(provider: Provider, headers: dict[str, str]) -> None:
    assert "evil.example" not in provider.api().get(WELL_KNOWN, headers=headers).text


def test_an_issuer_with_a_path_is_found_in_every_form(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ISSUER": "https://h.example/t"})
    forms = [WELL_KNOWN, f"{WELL_KNOWN}/t", f"/t{WELL_KNOWN}"]
    documents = [provider.api().get(form).json for form in forms]
    assert documents[0] == documents[1] == documents[2]
    assert documents[0]["issuer"] == "https://h.example/t"
    assert provider.api().get(f"{WELL_KNOWN}/other").status_code == 404


def test_an_app_that_is_mounted_below_a_path(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ISSUER": "https://h.example/t"})
    document = provider.api().get(WELL_KNOWN, base_url="https://h.example/t").json
    assert document["token_endpoint"] == "https://h.example/t/oauth/token"


def test_a_trailing_slash_is_kept_byte_for_byte(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ISSUER": "https://h.example/"})
    document: dict[str, Any] = provider.api().get(WELL_KNOWN).json
    assert document["issuer"] == "https://h.example/"
    assert document["token_endpoint"] == "https://h.example/oauth/token"


def test_any_origin_may_read_it(provider: Provider) -> None:
    response = provider.api().get(WELL_KNOWN, headers={"Origin": "https://app.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Origin" in response.headers["Vary"]
    assert "Origin" in provider.api().get(WELL_KNOWN).headers["Vary"]


def test_internal_scopes_are_not_announced(make: Callable[..., Provider]) -> None:
    from flask_oauth2server import Scope

    provider = make()
    provider.oauth2.scopes.register(Scope("hidden", "x", internal=True))
    assert "hidden" not in provider.api().get(WELL_KNOWN).json["scopes_supported"]


def test_no_member_is_empty(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ALLOWED_GRANT_TYPES": ["client_credentials"]})
    document = provider.api().get(WELL_KNOWN).json
    assert all(value not in (None, "", []) for value in document.values())
