"""What the authorization endpoint gives by itself, word by word of the response type.

OAuth 2.0 Multiple Response Type Encoding Practices; OpenID Connect Core, 3.2 and 3.3.
"""

from __future__ import annotations

from ..state import ServerState
from .request import ProtocolRequest


def given(server: ServerState, request: ProtocolRequest) -> dict[str, str]:
    """The parameters of the answer, inside the granting unit.

    An ID token carries the hashes of what stands beside it, and where no access token does, neither now nor later for a
    code, the claims for which that would be used (OpenID Connect Core, 5.4).
    """
    words = (request.response_type or "").split()
    told: dict[str, str] = {}
    if "code" in words:
        told.update(server.provider.response_grant("code").grant(request))
    if "token" in words:
        told.update({name: str(value) for name, value in server.provider.issue(request).items()})
    if "id_token" in words:
        assert server.id_tokens is not None and request.client is not None and request.authentication is not None
        of_person = server.user_claims.in_id_token(
            request.user_key, request.scopes or (), request.wanted, alone=words == ["id_token"]
        )
        told["id_token"] = server.id_tokens.make(
            server.issuer(),
            request.client,
            request.user_key,
            request.authentication,
            nonce=request.parameters.get("nonce"),
            access_token=told.get("access_token"),
            code=told.get("code"),
            claims=of_person,
        )
    return told
