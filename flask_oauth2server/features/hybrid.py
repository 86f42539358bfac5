"""OpenID Connect Core, 3.3: a code, and something beside it in the answer of the authorization endpoint."""

from __future__ import annotations

from oauthlib.oauth2 import AuthorizationCodeGrant

from ..oauth import front_channel
from ..oauth.request import ProtocolRequest
from ..state import ServerState

DEFAULTS = {
    #: Offer ``code id_token``, ``code token`` and ``code id_token token``.
    "OAUTH2_ENABLE_HYBRID": False,
}


def init_app(server: ServerState) -> None:
    """Join, where there are codes and ID tokens."""
    if server.id_tokens is None or "code" not in server.response_types:
        return
    for words in ("code id_token", "code token", "code id_token token"):
        server.add_response_type(words, HybridGrant, mode="fragment")


class HybridGrant(AuthorizationCodeGrant):
    """Judges a request as one for a code, PKCE included; the token endpoint takes the code as any other."""

    def grant(self, request: ProtocolRequest) -> dict[str, str]:
        """What the response type names, inside the granting unit."""
        return front_channel.given(self.request_validator.server, request)
