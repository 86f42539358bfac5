"""What a client has said about its keys, and how it wants to be told things (OpenID Connect Registration, 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .. import jose
from ..errors import ProtocolError
from ..fetch import Unfetchable
from ..reasons import Reason
from ..storage.clients import ClientInfo
from ..text import Sentence
from .client_documents import PAUSE, ClientDocuments

#: Client metadata: its public keys, or where it keeps them.
JWKS, JWKS_URI = "jwks", "jwks_uri"


def check_jwks(value: Any, metadata: Mapping[str, Any]) -> None:
    """A set of public keys; not beside an address of them (RFC 7591, 2)."""
    if metadata.get(JWKS_URI):
        raise ValueError(Sentence("does not go with jwks_uri."))
    if not jose.is_public_set(value):
        raise ValueError(Sentence("must be a JWK Set of at most 20 public keys."))


def check_algorithm(offered: Sequence[str], value: Any, _metadata: Mapping[str, Any]) -> None:
    """A signature algorithm that is *offered*; never ``none``."""
    if value not in offered:
        raise ValueError(f"must be one of {', '.join(offered)}.")


def encryption(what: str) -> dict[str, Callable[[Any, Mapping[str, Any]], None]]:
    """The names of client metadata that say how *what* is encrypted, with their checks."""
    alg = f"{what}_encrypted_response_alg"
    return {alg: check_encryption, f"{what}_encrypted_response_enc": partial(check_content_encryption, alg)}


def check_encryption(value: Any, metadata: Mapping[str, Any]) -> None:
    """An algorithm that is offered, and that one of the client's keys is for."""
    if not isinstance(value, str) or value not in jose.KEY_ENCRYPTION:
        raise ValueError(f"must be one of {', '.join(jose.KEY_ENCRYPTION)}.")
    if metadata.get(JWKS_URI):
        return  # what stands there today need not stand there tomorrow
    check_jwks(metadata.get(JWKS), metadata)
    try:
        jose.recipient(metadata[JWKS], value)
    except jose.Invalid as invalid:
        raise ValueError(f"{JWKS} does not go with it: {invalid}.") from None


def check_content_encryption(alg: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """One that is offered, beside an algorithm for the key."""
    if value not in jose.CONTENT_ENCRYPTION:
        raise ValueError(f"must be one of {', '.join(jose.CONTENT_ENCRYPTION)}.")
    if not metadata.get(alg):
        raise ValueError(f"goes with {alg}.")


class ClientKeys:
    """The public keys of clients, and what is told to one of them alone.

    :param documents: keys that a client keeps at an address of its own.
    """

    def __init__(self, documents: ClientDocuments) -> None:
        self._documents = documents

    def prepare(self, client: ClientInfo) -> None:
        """Have the keys of *client*, if something is encrypted for it, before the unit in which that is done.

        :raises ProtocolError: if they cannot be had.
        """
        if any(client.metadata.get(f"{what}_encrypted_response_alg") for what in ("id_token", "userinfo")):
            self._of(client)

    def encrypted(self, client: ClientInfo, what: str, content: str, *, is_jwt: bool) -> str:
        """*content* encrypted as *client* wants *what*; as it is where it does not.

        :raises ProtocolError: if its keys cannot be had, or do not go with that any more.
        """
        alg = client.metadata.get(f"{what}_encrypted_response_alg")
        if not alg:
            return content
        enc = client.metadata.get(f"{what}_encrypted_response_enc") or jose.CONTENT_ENCRYPTION[0]
        try:
            return jose.encrypted(content, self._of(client), alg, enc, is_jwt=is_jwt)
        except jose.Invalid as invalid:
            raise _without_keys(client, str(invalid)) from invalid

    def _of(self, client: ClientInfo) -> Mapping[str, Any]:
        uri = client.metadata.get(JWKS_URI)
        if not uri:
            return client.metadata.get(JWKS) or {"keys": []}
        try:
            jwks: Mapping[str, Any] = self._documents.read(uri)
        except Unfetchable as error:
            raise _without_keys(client, f"{uri} cannot be read: {error}") from error
        if not jose.is_public_set(jwks):
            raise _without_keys(client, f"what stands at {uri} is no JWK Set of public keys")
        return jwks


def _without_keys(client: ClientInfo, why: str) -> ProtocolError:
    told = "The keys of the client cannot be used now."
    headers = {"Retry-After": str(PAUSE)}
    detail = Reason("client_keys", why)
    error = ProtocolError("temporarily_unavailable", told, status=503, detail=detail, headers=headers)
    error.client_id = client.client_id
    return error
