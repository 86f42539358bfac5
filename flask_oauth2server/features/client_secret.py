"""RFC 6749, 2.3.1: client secrets in HTTP Basic or in the body."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from urllib.parse import unquote_plus

import six

from .. import clock
from ..domain import secrets
from ..oauth.client_auth import failed
from ..oauth.parameters import Parameters
from ..reasons import Reason
from ..state import ServerState
from ..storage.clients import ClientInfo

#: Seconds between two notes of when a secret was used last.
_TOUCH_INTERVAL = 60


def init_app(server: ServerState) -> None:
    """Join."""
    check = partial(verify, server)
    server.add_client_auth("client_secret_basic", find_basic, check, uses_secret=True)
    server.add_client_auth("client_secret_post", find_post, check, "client_secret", uses_secret=True)


def find_basic(parameters: Parameters) -> tuple[str, str] | None:
    """Id and secret of a Basic header, each form-decoded (RFC 6749, 2.3.1 and appendix B).

    :raises ProtocolError: ``invalid_client`` if the header is malformed.
    """
    scheme, _, encoded = (parameters.authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = six.ensure_text(base64.b64decode(encoded.strip(), validate=True))
        client_id, colon, secret = decoded.partition(":")
        pair = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise failed(_malformed()) from None
    if not colon or not pair[0] or "\0" in pair[0]:
        raise failed(_malformed())
    return pair


def _malformed() -> Reason:
    return Reason("basic_malformed", "the Basic header is malformed")


def find_post(parameters: Parameters) -> tuple[str, str] | None:
    """Id and secret of the body."""
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    if secret is None:
        return None
    if client_id is None:
        raise failed(Reason("no_client_authentication", "client_secret came without client_id"))
    return client_id, secret


def verify(server: ServerState, client: ClientInfo, secret: str) -> bool:
    """Whether *secret* is a live one of *client*; notes its use at most once a minute."""
    found = secrets.matching(secret, client.secrets)
    if found is None:
        return False
    last = found.last_used_at
    if last is None or (clock.now() - last).total_seconds() >= _TOUCH_INTERVAL:
        server.storage.unit.run(partial(server.storage.clients.touch_secret, found.pk))
    return True
