"""RFC 6749, 4.2 and OpenID Connect Core, 3.2: answers without a code, for old clients only (RFC 9700, 2.1.2)."""

from __future__ import annotations

from oauthlib.oauth2 import ImplicitGrant

from ..oauth import front_channel
from ..oauth.request import ProtocolRequest
from ..state import ServerState

DEFAULTS = {
    #: Offer ``response_type=token``, which puts access tokens into addresses, and with OpenID Connect ``id_token`` and
    #: ``id_token token``.
    "OAUTH2_ENABLE_IMPLICIT": False,
}


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_response_type("token", FrontGrant, mode="fragment")
    if server.id_tokens is not None:
        server.add_response_type("id_token", FrontGrant, mode="fragment")
        server.add_response_type("id_token token", FrontGrant, mode="fragment")


class FrontGrant(ImplicitGrant):
    """Gives an access token, an ID token or both at the authorization endpoint; never a refresh token."""

    def grant(self, request: ProtocolRequest) -> dict[str, str]:
        """What the response type names, inside the granting unit."""
        return front_channel.given(self.request_validator.server, request)
