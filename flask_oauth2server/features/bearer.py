"""RFC 6750: bearer tokens, found in the database."""

from __future__ import annotations

from ..domain.bearer import TokenInfo
from ..state import ServerState

DEFAULTS = {
    #: Accept ``?access_token=`` in addresses, as the original did (RFC 9700, 4.3.2 forbids it).
    "OAUTH2_ENABLE_QUERY_TOKEN": False,
}


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_token_type("Bearer", judge)
    server.add_token_lookup(server.bearer.find)


def judge(token: TokenInfo) -> None:
    """Whoever bears it may use it: there is no proof to look at."""
