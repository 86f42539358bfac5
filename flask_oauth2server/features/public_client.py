"""RFC 6749, 2.1 and RFC 7591, 2: clients without a secret, the method ``none``."""

from __future__ import annotations

from ..oauth.client_auth import NONE
from ..oauth.parameters import Parameters
from ..state import ServerState
from ..storage.clients import ClientInfo


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_client_auth(NONE, find, verify)


def find(parameters: Parameters) -> tuple[str, None] | None:
    """The bare ``client_id``."""
    client_id = parameters.get("client_id")
    return None if client_id is None else (client_id, None)


def verify(client: ClientInfo, credential: None) -> bool:
    """There is nothing to verify; the client must be a public one."""
    return not client.is_confidential
