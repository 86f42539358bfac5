"""What the tests of OpenID Connect share: a host that knows something of its people, and a client that reads tokens."""

from __future__ import annotations

from typing import Any

from flask_oauth2server import jose

from .support import Browser, Client, Provider


def knowing(provider: Provider) -> Provider:
    """Let the host tell of its people."""

    @provider.oauth2.user_claims("name", "email", "email_verified", "website", "birthdate")
    def claims(user: Any) -> dict[str, Any]:
        known = {"name": user.name.title(), "email": f"{user.name}@example.org", "email_verified": True}
        return {**known, "website": None, "birthdate": "1815-12-10"}

    return provider


def signed_in(client: Client, browser: Browser, scope: str = "openid", **changes: str | None) -> dict[str, Any]:
    """The token answer after the person has allowed *scope*."""
    return client.tokens(browser, scope=scope, **changes)


def read(provider: Provider, id_token: str) -> dict[str, Any]:
    """The claims of an ID token, verified with what everybody can fetch."""
    keys = [jose.imported(key) for key in provider.api().get("/oauth/jwks").json["keys"]]
    return jose.verified(id_token, keys)
