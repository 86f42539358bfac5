"""RFC 6749, 4.2: the implicit grant, for old clients only (RFC 9700, 2.1.2 advises against it)."""

from __future__ import annotations

from oauthlib.oauth2 import ImplicitGrant

from ..oauth.request import ProtocolRequest
from ..state import ServerState

DEFAULTS = {
    #: Offer ``response_type=token``, which puts access tokens into addresses.
    "OAUTH2_ENABLE_IMPLICIT": False,
}


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_response_type("token", TokenGrant, mode="fragment")


class TokenGrant(ImplicitGrant):
    """Gives an access token at the authorization endpoint; never a refresh token."""

    def grant(self, request: ProtocolRequest) -> dict[str, str]:
        """The token, inside the granting unit."""
        server: ServerState = self.request_validator.server
        return {name: str(value) for name, value in server.provider.issue(request).items()}
