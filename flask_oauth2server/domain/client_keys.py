"""What a client has said about its keys, and how it wants to be told things (OpenID Connect Registration, 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .. import jose
from ..errors import ConfigurationError
from ..storage.clients import ClientInfo
from ..text import Sentence

#: Client metadata: its public keys.
JWKS = "jwks"


def check_jwks(value: Any, _metadata: Mapping[str, Any]) -> None:
    """A set of public keys."""
    if not jose.is_public_set(value):
        raise ValueError(Sentence("must be a JWK Set of at most 20 public keys."))


def check_algorithm(value: Any, _metadata: Mapping[str, Any]) -> None:
    """A signature algorithm that is offered; never ``none``."""
    if value not in jose.ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(jose.ALGORITHMS)}.")


def encryption(what: str) -> dict[str, Callable[[Any, Mapping[str, Any]], None]]:
    """The names of client metadata that say how *what* is encrypted, with their checks."""
    alg = f"{what}_encrypted_response_alg"
    return {alg: check_encryption, f"{what}_encrypted_response_enc": partial(check_content_encryption, alg)}


def check_encryption(value: Any, metadata: Mapping[str, Any]) -> None:
    """An algorithm that is offered, and that one of the client's keys is for."""
    if value not in jose.KEY_ENCRYPTION:
        raise ValueError(f"must be one of {', '.join(jose.KEY_ENCRYPTION)}.")
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


def encrypted(client: ClientInfo, what: str, content: str, *, is_jwt: bool) -> str:
    """*content* encrypted as *client* wants *what*; as it is where it does not.

    :raises ConfigurationError: if its keys do not go with that any more.
    """
    alg = client.metadata.get(f"{what}_encrypted_response_alg")
    if not alg:
        return content
    enc = client.metadata.get(f"{what}_encrypted_response_enc") or jose.CONTENT_ENCRYPTION[0]
    try:
        return jose.encrypted(content, client.metadata[JWKS], alg, enc, is_jwt=is_jwt)
    except (jose.Invalid, KeyError) as error:
        raise ConfigurationError(f"The client {client.client_id} has no key to encrypt for it with: {error}") from error
