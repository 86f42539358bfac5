"""Changes of tokens, told to all processes through Redis.

Each process follows one channel in a thread of its own. Its cache is believed only as long as that
connection is proven alive: a ping that was sent at one moment and answered shows that everything published
before that moment has arrived, for Redis answers in order. A message can only make a process forget
something, so a forged one costs lookups and gives nobody access.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from ..errors import ConfigurationError
from ..storage.changes import ALL
from .token_cache import TokenCache

log = logging.getLogger(__name__)

#: Seconds between two pings.
PULSE = 0.25
#: Seconds after which what was last proven is not believed any more: the documented staleness.
PATIENCE = 1.0
#: Seconds that a request waits for Redis at most, and for how long it is not asked again if it did not answer.
_WAIT = 0.25
_SILENCE = 1.0
#: A message names so many changes at most; more of them are everything.
_MOST = 100

_pushes: WeakSet[TokenPush] = WeakSet()


class TokenPush:
    """The channel of one app.

    :param url: of a Redis server, as redis-py takes it.
    :param channel: its name; all processes that use one database use one channel.
    :param cache: what forgets; None: this process only tells.
    :param timer: the monotonic clock of the cache.
    :raises ConfigurationError: if redis-py is missing or does not understand the URL.
    """

    def __init__(
        self, url: str, channel: str, cache: TokenCache | None, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self.errors = _client(url)
        self._channel = channel
        self._cache = cache
        self._timer = timer
        self.renew()
        _pushes.add(self)

    def renew(self) -> None:
        """Begin anew in a process that was forked: it has no threads."""
        self._lock = threading.Lock()
        self._follower: threading.Thread | None = None
        self._debtor: threading.Thread | None = None
        self._silent_until = -math.inf
        if self._cache is not None:
            self._cache.trusted_until = -math.inf  # until somebody follows

    # --- telling --------------------------------------------------------------------------------------

    def tell(self, marks: frozenset[str]) -> None:
        """Tell all processes of changes; where Redis does not answer, they are told as soon as it does."""
        named = sorted(marks) if len(marks) <= _MOST else [ALL]
        if not self._publish(named):
            with self._lock:
                if self._debtor is None:
                    self._debtor = threading.Thread(target=self._repay, name="oauth2server debt", daemon=True)
                    self._debtor.start()

    def _publish(self, named: list[str]) -> bool:
        if self._timer() < self._silent_until:
            return False
        try:
            self._client.publish(self._channel, json.dumps(named))
        except self.errors as error:
            self._silent_until = self._timer() + _SILENCE
            log.error("other processes could not be told of ended tokens, this is tried again: %s", error)
            return False
        return True

    def _repay(self) -> None:
        """Tell of everything, as soon as that is possible."""
        while True:
            time.sleep(PULSE)
            # Whatever comes in between finds no debtor, or is told by this one.
            with self._lock:
                if self._publish([ALL]):
                    self._debtor = None
                    return

    def ping(self) -> None:
        """Ask whether Redis answers.

        :raises OSError: one of :attr:`errors`, if it does not.
        """
        self._client.ping()

    # --- following ------------------------------------------------------------------------------------

    def follow(self) -> None:
        """See to it that the channel is followed in this process."""
        if self._follower is None:
            with self._lock:
                if self._follower is None and self._cache is not None:
                    follower = threading.Thread(
                        target=self._follow, args=(self._cache,), name="oauth2server push", daemon=True
                    )
                    follower.start()
                    self._follower = follower

    def _follow(self, cache: TokenCache) -> None:
        while True:
            try:
                self._attend(cache)
            except self.errors as error:
                log.warning("the cache of tokens is out of use until Redis answers: %s", error)
            except Exception:
                log.exception("the cache of tokens is out of use for a moment")
            finally:
                cache.distrust()
            time.sleep(PULSE)

    def _attend(self, cache: TokenCache) -> None:
        """Follow one connection until it is lost."""
        channel = self._client.pubsub()
        try:
            channel.subscribe(self._channel)
            number, sent_at, is_waiting = 0, -math.inf, False
            while True:
                now = self._timer()
                if is_waiting and now - sent_at > PATIENCE:
                    raise TimeoutError("no answer to a ping")
                if not is_waiting and now - sent_at >= PULSE:
                    number, sent_at, is_waiting = number + 1, now, True
                    channel.ping(str(number))
                until = sent_at + (PATIENCE if is_waiting else PULSE)
                message = channel.get_message(timeout=max(0.001, until - now))
                if message is None:
                    continue
                if message["type"] != "pong":
                    cache.forget(_marks(message))
                elif is_waiting and _text(message["data"]) == str(number):
                    cache.trusted_until, is_waiting = sent_at + PATIENCE, False
        finally:
            channel.close()


def _client(url: str) -> tuple[Any, tuple[type[Exception], ...]]:
    try:
        import redis  # optional machinery
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise ConfigurationError(
            "OAUTH2_TOKEN_CACHE_URL needs redis: pip install 'Flask-OAuth2Server[redis]', or leave it empty."
        ) from None
    errors = (redis.RedisError, OSError)
    try:
        client = redis.Redis.from_url(
            url,
            socket_connect_timeout=_WAIT,
            socket_timeout=_WAIT,
            protocol=2,
            # Once more where a connection that was kept is found closed; never where Redis is slow.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"OAUTH2_TOKEN_CACHE_URL must be the address of a Redis server, such as 'redis://127.0.0.1:6379/0': {error}"
        ) from error
    return client, errors


def _text(data: Any) -> str:
    return data.decode("ascii", "replace") if isinstance(data, bytes) else str(data)


def _marks(message: dict[str, Any]) -> list[str]:
    """What is to be forgotten: what a message says, and everything where one subscribes, on a connection
    that may be new, or says what is not understood."""
    if message["type"] == "message":
        try:
            told = json.loads(message["data"])
        except ValueError:
            return [ALL]
        if isinstance(told, list) and all(isinstance(name, str) for name in told):
            return told
    return [ALL]


def _renew_all() -> None:
    for push in list(_pushes):
        push.renew()


os.register_at_fork(after_in_child=_renew_all)
