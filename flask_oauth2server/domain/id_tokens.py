"""ID tokens: what a client is told of an authentication (OpenID Connect Core, 2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .. import clock, jose
from ..storage.clients import ClientInfo
from .keys import Keys
from .subjects import Subjects

#: The client metadata that names the algorithm, and what it is by default (OpenID Connect Registration, 2).
ALG, DEFAULT_ALG = "id_token_signed_response_alg", "RS256"


class Authentication(NamedTuple):
    """How a person had signed in when they allowed a client.

    :ivar sid: of the session.
    :ivar auth_time: naive UTC; None: not known.
    :ivar acr: the class of the authentication, if the host said so.
    :ivar amr: its methods (RFC 8176).
    """

    sid: str | None
    auth_time: datetime | None
    acr: str | None = None
    amr: list[str] | None = None


def algorithm(client: ClientInfo) -> str:
    """With which algorithm the ID tokens of *client* are signed."""
    return str(client.metadata.get(ALG, DEFAULT_ALG))


class IdTokens:
    """Makes ID tokens, and reads them when they come back as hints.

    :param keys: sign.
    :param subjects: say who it is.
    :param expires_in: seconds that one lives.
    """

    def __init__(self, keys: Keys, subjects: Subjects, expires_in: int) -> None:
        self._keys = keys
        self._subjects = subjects
        self._expires_in = expires_in
        keys.lifetime = max(keys.lifetime, expires_in)

    def make(
        self,
        issuer: str,
        client: ClientInfo,
        user_key: Any,
        how: Authentication,
        *,
        nonce: str | None = None,
        access_token: str | None = None,
        code: str | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """An ID token.

        :param nonce: as the client has sent it.
        :param access_token: that goes with it (``at_hash``).
        :param code: that goes with it (``c_hash``).
        :param claims: of the person.
        """
        alg, now = algorithm(client), clock.epoch(clock.now())
        told = {
            "iss": issuer,
            "sub": self._subjects.sub(user_key),
            "aud": client.client_id,
            "exp": now + self._expires_in,
            "iat": now,
            "auth_time": None if how.auth_time is None else clock.epoch(how.auth_time),
            "nonce": nonce,
            "acr": how.acr,
            "amr": how.amr,
            "sid": how.sid,
            "at_hash": None if access_token is None else jose.half_hash(access_token, alg),
            "c_hash": None if code is None else jose.half_hash(code, alg),
        }
        known = {name: value for name, value in told.items() if value is not None}
        return jose.signed({**(claims or {}), **known}, self._keys.signer(alg))

    def subject(self, hint: str, issuer: str, client_id: str) -> str:
        """The ``sub`` of an ID token that *client_id* was given, expired or not.

        :raises jose.Invalid: if it is none.
        """
        claims = jose.verified(hint, self._keys.verifiers())
        audience, subject = claims.get("aud"), claims.get("sub")
        if claims.get("iss") != issuer or not isinstance(subject, str):
            raise jose.Invalid("it is no ID token of this server")
        if client_id not in (audience if isinstance(audience, list) else [audience]):
            raise jose.Invalid("it was given to another client")
        return subject
