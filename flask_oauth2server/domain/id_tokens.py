"""ID tokens: what a client is told of an authentication (OpenID Connect Core, 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import clock, jose
from ..storage.clients import ClientInfo
from .client_keys import ClientKeys
from .identifiers import Identifiers
from .keys import Keys
from .sessions import Authentication

#: The client metadata that names the algorithm, and what it is by default (OpenID Connect Registration, 2).
ALG, DEFAULT_ALG = "id_token_signed_response_alg", "RS256"


def algorithm(client: ClientInfo) -> str:
    """With which algorithm the ID tokens of *client* are signed."""
    return str(client.metadata.get(ALG, DEFAULT_ALG))


class Hint(NamedTuple):
    """What an ID token says that has come back: whom, which client was told, and of which session."""

    client_id: str
    sub: str
    sid: str | None


class IdTokens:
    """Makes ID tokens, and reads them when they come back as hints.

    :param keys: sign.
    :param identifiers: say who it is.
    :param client_keys: encrypt, where a client wants that.
    :param expires_in: seconds that one lives.
    """

    def __init__(self, keys: Keys, identifiers: Identifiers, client_keys: ClientKeys, expires_in: int) -> None:
        self._keys = keys
        self._identifiers = identifiers
        self._client_keys = client_keys
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
            "sub": self._identifiers.of(client, user_key),
            "aud": client.client_id,
            "azp": client.client_id,
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
        signed = jose.signed({**(claims or {}), **known}, self._keys.signer(alg))
        return self._client_keys.encrypted(client, "id_token", signed, is_jwt=True)

    def read(self, value: str, issuer: str) -> Hint:
        """What an ID token of this server says, expired or not.

        :raises jose.Invalid: if it is none.
        """
        claims = jose.verified(value, self._keys.verifiers())
        client_id, sub, sid = claims.get("aud"), claims.get("sub"), claims.get("sid")
        if isinstance(client_id, list) and len(client_id) == 1:
            client_id = client_id[0]  # as a server may have written it whose keys this one has been given
        # What userinfo has signed names the same client and person, but no end: it proves no sign-in.
        is_one = claims.get("iss") == issuer and isinstance(claims.get("exp"), int)
        if not is_one or not isinstance(sub, str) or not isinstance(client_id, str):
            raise jose.Invalid("it is no ID token of this server")
        return Hint(client_id, sub, sid if isinstance(sid, str) else None)
