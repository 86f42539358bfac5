"""A cache of tokens for protected views; off by default.

The lookup of :mod:`.bearer` alone is answered from it: introspection, revocation and the token endpoint
ask the database each time, and so do lookups that a host adds.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..domain import tokens
from ..domain.token_cache import TokenCache
from ..domain.token_push import TokenPush
from ..errors import ConfigurationError
from ..state import ServerState

DEFAULTS = {
    #: Protected views remember a token for so many seconds, instead of asking the database at each request. 0: never.
    "OAUTH2_TOKEN_CACHE": 0,
    #: So many tokens are remembered in each process at most.
    "OAUTH2_TOKEN_CACHE_SIZE": 10_000,
    #: Address of the Redis server, such as ``redis://127.0.0.1:6379/0``, that tells all processes of what has ended
    #: (the extra ``redis``). Empty: other processes see it when ``OAUTH2_TOKEN_CACHE`` seconds are over.
    "OAUTH2_TOKEN_CACHE_URL": "",
    #: The channel that is used there; providers that share a Redis server have one each.
    "OAUTH2_TOKEN_CACHE_CHANNEL": "flask-oauth2server",
}

_SCHEMES = ("redis", "rediss", "unix")


def init_app(server: ServerState) -> None:
    """Join.

    :raises ConfigurationError: if a setting cannot be used.
    """
    settings = server.settings
    seconds, url = settings["OAUTH2_TOKEN_CACHE"], settings["OAUTH2_TOKEN_CACHE_URL"]
    if seconds and not settings["OAUTH2_TOKEN_CACHE_SIZE"]:
        raise ConfigurationError(
            "OAUTH2_TOKEN_CACHE_SIZE must be 1 or more; set OAUTH2_TOKEN_CACHE to 0 to remember no token."
        )
    if seconds:
        _remember(server, seconds)
    if url:
        _push(server, url)


def _remember(server: ServerState, seconds: int) -> None:
    def is_ours(value: str) -> bool:
        return server.values.is_kind(value, tokens.ACCESS, tokens.PERSONAL)

    size, moment = server.settings["OAUTH2_TOKEN_CACHE_SIZE"], server.storage.changes.moment
    server.add_token_cache(TokenCache(server.bearer.find, is_ours, moment, seconds=seconds, size=size))


def _push(server: ServerState, url: str) -> None:
    channel = server.settings["OAUTH2_TOKEN_CACHE_CHANNEL"]
    if urlsplit(url).scheme not in _SCHEMES:
        raise ConfigurationError(
            f"OAUTH2_TOKEN_CACHE_URL must begin with {', '.join(f'{scheme}://' for scheme in _SCHEMES)}, as "
            "'redis://127.0.0.1:6379/0' does, or be empty."
        )
    if not channel:
        raise ConfigurationError("OAUTH2_TOKEN_CACHE_CHANNEL must be a name, such as 'flask-oauth2server'.")
    # A process that remembers nothing itself tells of what it ends all the same.
    server.token_push = push = TokenPush(url, channel, server.token_cache)
    server.storage.changes.listen(push.tell)
    if server.token_cache is not None:
        server.token_cache.before_lookup = push.follow
