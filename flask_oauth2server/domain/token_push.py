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
from contextlib import suppress
from typing import Any
from weakref import WeakSet, ref

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
        self.cache = cache
        self._timer = timer
        self.renew()
        _pushes.add(self)

    def renew(self) -> None:
        """Begin anew in a process that was forked: it has no threads."""
        self._lock = threading.Lock()
        self._follower: threading.Thread | None = None
        self._debtor: threading.Thread | None = None
        self._silent_until = -math.inf
        self._line: _Line | None = None
        self._is_lost = False
        self._is_closed = False
        if self.cache is not None:
            self.cache.trusted_until = -math.inf  # until somebody follows

    def close(self) -> None:
        """Follow no more and believe nothing; the threads end within a second."""
        self._is_closed = True
        if self.cache is not None:
            self.cache.distrust()

    # --- telling --------------------------------------------------------------------------------------

    def tell(self, marks: frozenset[str]) -> None:
        """Tell all processes of changes; where Redis does not answer, they are told as soon as it does."""
        if self._publish(sorted(marks) if len(marks) <= _MOST else [ALL]):
            return
        with self._lock:
            if self._debtor is None:
                self._debtor = _thread("debt", self, TokenPush._repay)

    def _publish(self, named: list[str]) -> bool:
        if self._timer() < self._silent_until:
            return False
        try:
            self._client.publish(self._channel, json.dumps(named))
        except Exception as error:  # what was to be told is done, and whoever owes it may not end by it
            self._silent_until = self._timer() + _SILENCE
            if self._debtor is None:
                trace = not isinstance(error, self.errors)
                log.error("other processes cannot be told now of tokens that have ended: %s", error, exc_info=trace)
            return False
        return True

    def _repay(self) -> bool:
        """Tell of everything, as soon as that is possible; whether it was not."""
        time.sleep(PULSE)
        with self._lock:  # who fails to tell meanwhile finds no debtor, or one who tells of that, too
            if self._publish([ALL]):
                self._debtor = None
                log.info("other processes have been told")
                return False
        return not self._is_closed

    def ping(self) -> None:
        """Ask whether Redis answers; raises one of :attr:`errors` if it does not."""
        self._client.ping()

    # --- following ------------------------------------------------------------------------------------

    def follow(self) -> None:
        """See to it that the channel is followed in this process."""
        if self._follower is None:
            with self._lock:
                if self._follower is None:
                    self._follower = _thread("push", self, TokenPush._attend)

    def _attend(self) -> bool:
        """Follow for a moment; whether to go on."""
        assert self.cache is not None
        try:
            if self._line is None:
                self._line = _Line(self._client.pubsub(), self._channel, self.cache, self._timer)
            self._line.attend()
            if self._is_lost and self._timer() < self.cache.trusted_until:
                self._is_lost = False
                log.info("the cache of tokens is in use again")
        except Exception as error:
            self.cache.distrust()
            if not isinstance(error, self.errors):
                log.exception("the cache of tokens is out of use for a moment")
            elif not self._is_lost:
                log.warning("the cache of tokens is out of use until Redis answers: %s", error)
            self._is_lost = True
            self._hang_up()
            time.sleep(PULSE)
        if self._is_closed:
            self._hang_up()
            self.cache.distrust()
        return not self._is_closed

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class _Line:
    """One connection that follows the channel, and the ping that is under way on it."""

    def __init__(self, pubsub: Any, name: str, cache: TokenCache, timer: Callable[[], float]) -> None:
        self._pubsub = pubsub
        self._cache = cache
        self._timer = timer
        self._number = 0
        self._sent_at = -math.inf
        self._is_waiting = False
        pubsub.subscribe(name)

    def attend(self) -> None:
        """Send a ping if it is time, and take one message if one comes soon.

        :raises TimeoutError: if a ping was not answered in time.
        """
        now = self._timer()
        if self._is_waiting and now - self._sent_at > PATIENCE:
            raise TimeoutError("no answer to a ping")
        if not self._is_waiting and now - self._sent_at >= PULSE:
            self._number, self._sent_at, self._is_waiting = self._number + 1, now, True
            self._pubsub.ping(str(self._number))
        message = self._pubsub.get_message(timeout=PULSE if self._is_waiting else self._sent_at + PULSE - now)
        if message is None:
            return
        if message["type"] != "pong":
            self._cache.forget(_marks(message))
        elif self._is_waiting and _text(message["data"]) == str(self._number):
            # What was published before the ping was sent has come before its answer.
            self._cache.trusted_until, self._is_waiting = self._sent_at + PATIENCE, False

    def close(self) -> None:
        with suppress(Exception):  # it is lost already
            self._pubsub.close()


def _thread(name: str, push: TokenPush, step: Callable[[TokenPush], bool]) -> threading.Thread:
    """Repeat *step* in a thread until it returns False, or the app is gone."""
    weak = ref(push)

    def run() -> None:
        while (alive := weak()) is not None and step(alive):
            del alive

    thread = threading.Thread(target=run, name=f"oauth2server {name}", daemon=True)
    thread.start()
    return thread


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
        except (ValueError, RecursionError):
            return [ALL]
        if isinstance(told, list) and all(isinstance(name, str) for name in told):
            return told
    return [ALL]


def _renew_all() -> None:
    for push in list(_pushes):
        push.renew()


os.register_at_fork(after_in_child=_renew_all)
