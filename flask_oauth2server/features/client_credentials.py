"""RFC 6749, 4.4: a confidential client asks for a token of its own."""

from __future__ import annotations

from oauthlib.oauth2 import ClientCredentialsGrant

from ..state import ServerState


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_grant("client_credentials", ClientCredentialsGrant, apart=True)
