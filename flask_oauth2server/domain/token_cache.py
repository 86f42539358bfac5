"""What protected views know already about tokens, so that the database is not asked again.

Kept for some seconds, in the memory of a process, and forgotten as soon as something changes. Only the
digest of a value is kept. The clock of the package tells when a token expires, a monotonic one how old
an entry is.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple
from weakref import WeakSet

from .. import clock
from ..errors import TokenRefused
from ..storage.changes import ALL, AUTHORIZATION, CLIENT, TOKEN, USER, mark
from . import tokens
from .bearer import TokenInfo

#: Of the entries so many may be refusals, in hundredths: made-up values push no good one out.
_REFUSALS = 10
HIT, MISS = "hit", "miss"

_caches: WeakSet[TokenCache] = WeakSet()


class Moment(NamedTuple):
    """A time of the monotonic clock, and how often something was forgotten until then."""

    at: float
    number: int


class _Entry:
    """A good token. Its life has two ends: of what is known about it, and of the token itself."""

    __slots__ = ("ends_at", "marks", "token", "until")

    def __init__(self, token: TokenInfo, until: float) -> None:
        self.token = token
        self.until = until
        self.ends_at = clock.epoch(token.good_until or token.expires_at)
        keys = [
            (TOKEN, token.pk),
            (AUTHORIZATION, token.authorization_pk),
            (CLIENT, token.client_pk),
            (USER, token.user_id),
            (USER, token.client_owner),
        ]
        self.marks = tuple(mark(kind, key) for kind, key in keys if key is not None)


class _Refusal:
    """A token that was refused, and why; no detail: there is no such token."""

    __slots__ = ("client_id", "detail", "until")

    def __init__(self, refused: TokenRefused | None, until: float) -> None:
        self.detail = None if refused is None else refused.detail
        self.client_id = None if refused is None else refused.client_id
        self.until = until

    def again(self) -> TokenRefused | None:
        """What refuses it once more; None: there is no such token."""
        if self.detail is None:
            return None
        refused = TokenRefused(self.detail)
        refused.client_id = self.client_id
        return refused


class TokenCache:
    """A bounded cache before a lookup of tokens.

    :param find: the lookup: a token, None, or TokenRefused.
    :param is_ours: whether a value is well-formed; another one is never in the database.
    :param moment: since when what the lookup reads may have stood, see
        :meth:`.storage.changes.Changes.moment`; None: it may not be kept.
    :param seconds: the greatest age of an entry.
    :param size: the greatest number of good tokens; of refusals there is a tenth.
    :param timer: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        find: Callable[[str], TokenInfo | None],
        is_ours: Callable[[str], bool],
        moment: Callable[[], Moment | None],
        *,
        seconds: float,
        size: int,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._is_ours = is_ours
        self._moment = moment
        self._seconds = seconds
        self._size = size
        self._timer = timer
        #: Until when entries may be believed; whoever proves that nothing was missed moves it on.
        self.trusted_until = math.inf
        #: Is told HIT or MISS.
        self.count: Callable[[str], None] | None = None
        #: Is called before each lookup, once it is known to be needed.
        self.before_lookup: Callable[[], None] | None = None
        self.renew()
        _caches.add(self)

    def renew(self) -> None:
        """Begin anew, empty; also in a process that was forked while a thread held the lock."""
        self._lock = threading.Lock()
        self._good: dict[str, _Entry] = {}
        self._refused: dict[str, _Refusal] = {}
        #: Keys of entries by the marks of their token and authorization; the rarer ones are searched for.
        self._marked: dict[str, set[str]] = {}
        self._number = getattr(self, "_number", 0) + 1

    def __len__(self) -> int:
        return len(self._good) + len(self._refused)

    def now(self) -> Moment:
        """The present moment."""
        return Moment(self._timer(), self._number)

    def find(self, value: str) -> TokenInfo | None:
        """The same as the lookup, from what is kept if it can be believed.

        :raises TokenRefused: as the lookup does.
        """
        key, now = tokens.digest(value), self._timer()
        if now < self.trusted_until:
            entry = self._good.get(key)
            if entry is not None and now < entry.until and clock.timestamp() < entry.ends_at:
                if self.count is not None:
                    self.count(HIT)
                return entry.token
            refusal = self._refused.get(key)
            if refusal is not None and now < refusal.until:
                if self.count is not None:
                    self.count(HIT)
                if (refused := refusal.again()) is not None:
                    raise refused
                return None
        if not self._is_ours(value):
            return self._find(value)
        return self._looked_up(key, value)

    def _looked_up(self, key: str, value: str) -> TokenInfo | None:
        if self.count is not None:
            self.count(MISS)
        if self.before_lookup is not None:
            self.before_lookup()
        moment = self._moment()  # before the row is read: what is forgotten meanwhile is not kept
        try:
            token = self._find(value)
        except TokenRefused as refused:
            self._keep_refusal(key, refused, moment)
            raise
        if token is None:
            self._keep_refusal(key, None, moment)
        elif token.pk is not None:
            self._keep(key, token, moment)
        return token

    def _keep(self, key: str, token: TokenInfo, moment: Moment | None) -> None:
        if moment is None:
            return
        entry = _Entry(token, moment.at + self._seconds)
        with self._lock:
            if not self._may_keep(moment):
                return
            self._drop(key)
            # All live equally long: the first one has the least left.
            while self._good and (len(self._good) >= self._size or self._is_over(next(iter(self._good.values())))):
                self._drop(next(iter(self._good)))
            self._good[key] = entry
            for name in _found_by(entry.marks):
                self._marked.setdefault(name, set()).add(key)

    def _keep_refusal(self, key: str, refused: TokenRefused | None, moment: Moment | None) -> None:
        if moment is None:
            return
        with self._lock:
            if not self._may_keep(moment):
                return
            self._drop(key)
            self._refused.pop(key, None)
            most = max(1, self._size * _REFUSALS // 100)
            while self._refused and (len(self._refused) >= most or self._is_over(next(iter(self._refused.values())))):
                self._refused.pop(next(iter(self._refused)))
            self._refused[key] = _Refusal(refused, moment.at + self._seconds)

    def _may_keep(self, moment: Moment) -> bool:
        return moment.number == self._number and self._timer() < self.trusted_until

    def _is_over(self, entry: _Entry | _Refusal) -> bool:
        return entry.until <= self._timer()

    def _drop(self, key: str) -> None:
        entry = self._good.pop(key, None)
        for name in () if entry is None else _found_by(entry.marks):
            keys = self._marked.get(name, set())
            keys.discard(key)
            if not keys:
                self._marked.pop(name, None)

    def forget(self, marks: Iterable[str]) -> None:
        """Forget what is known of tokens that have a mark, see :func:`.storage.changes.mark`; and, where a
        client or user has changed, all refusals, for they may be let in again."""
        marks = frozenset(marks)
        with self._lock:
            self._number += 1
            if ALL in marks:
                self._good.clear()
                self._marked.clear()
                self._refused.clear()
                return
            direct = set(_found_by(marks))
            gone = {key for name in direct for key in self._marked.get(name, ())}
            if marks - direct:
                gone.update(key for key, entry in self._good.items() if not marks.isdisjoint(entry.marks))
                self._refused.clear()
            for key in gone:
                self._drop(key)

    def distrust(self) -> None:
        """Believe nothing from now on, and forget all."""
        self.trusted_until = -math.inf
        self.forget((ALL,))

    def note_use(self, token: TokenInfo, address: str | None) -> None:
        """Remember that the use of *token* is being written down, so that it is not at each request."""
        used = token._replace(last_used_at=clock.now(), last_used_from=address)
        with self._lock:
            for key in self._marked.get(mark(TOKEN, token.pk), ()):
                self._good[key].token = used


def _found_by(marks: Iterable[str]) -> list[str]:
    return [name for name in marks if name.startswith((f"{TOKEN}:", f"{AUTHORIZATION}:"))]


def _renew_all() -> None:
    for cache in list(_caches):
        cache.renew()


os.register_at_fork(after_in_child=_renew_all)
