"""Guessing: failures are counted in the database, by what is guessed at and by the guesser's address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from .. import clock, transport
from ..errors import ConfigurationError, Gone, TooMany, Unavailable
from ..reasons import Reason
from ..storage import Storage
from . import tokens

#: More often than this a subject is not begun to be counted; each try begins one that is missing.
_TRIES = 5


class Guess(NamedTuple):
    """A try that is counted already, although nobody knows yet whether it fails."""

    kind: str
    #: Each subject with the end of the window in which it was counted.
    counted: tuple[tuple[str, datetime], ...]


class _Limit(NamedTuple):
    name: str
    subject: str
    most: int


class _NotBegun(Exception):  # noqa: N818
    def __init__(self, subject: str) -> None:
        self.subject = subject


class Throttle:
    """Admits so many wrong guesses within a window of time, and not one more.

    A try is counted *before* it is judged, in a unit of its own, so that any number of workers
    together judge no more than the limit; a good one is given back. No success forgives earlier
    failures (RFC 6749, 2.3.1; RFC 6819, 5.1.4.2.3).

    :param storage: the queries.
    :param settings: reads ``OAUTH2_GUESSES_PER_CLIENT``, ``OAUTH2_GUESSES_PER_ADDRESS`` and
        ``OAUTH2_GUESSES_WINDOW``.
    :raises ConfigurationError: if the window has no length.
    """

    def __init__(self, storage: Storage, settings: Mapping[str, Any]) -> None:
        if not settings["OAUTH2_GUESSES_WINDOW"]:
            raise ConfigurationError(
                "OAUTH2_GUESSES_WINDOW must be 1 second or more. To count no guesses, set OAUTH2_GUESSES_PER_CLIENT "
                "and OAUTH2_GUESSES_PER_ADDRESS to 0."
            )
        self._unit = storage.unit
        self._counts = storage.failure_counts
        self._window = timedelta(seconds=settings["OAUTH2_GUESSES_WINDOW"])
        self._per_client: int = settings["OAUTH2_GUESSES_PER_CLIENT"]
        self._per_address: int = settings["OAUTH2_GUESSES_PER_ADDRESS"]

    def reserve(self, kind: str, client_id: str, address: str | None) -> Guess:
        """Count a try; nothing stays locked afterwards.

        :param kind: what is guessed, such as ``client_secret``.
        :param client_id: as it was sent, whether there is such a client or not.
        :param address: where the request comes from.
        :raises TooMany: if the client or the address has no try left; neither is counted then.
        """
        limits = [
            # Always in this order, so that no two transactions wait for each other; and an address that has no
            # try left begins no counts of clients that it makes up.
            _Limit("address", tokens.digest(f"address {transport.network(address)}"), self._per_address),
            _Limit("client", tokens.digest(f"client {client_id}"), self._per_client),
        ]
        limits = [limit for limit in limits if limit.most]
        try:
            return Guess(kind, self._counted(kind, limits) if limits else ())
        except TooMany as refusal:
            refusal.client_id = client_id
            raise

    def give_back(self, guess: Guess) -> None:
        """The try was a good one: it does not count."""
        if guess.counted:
            self._unit.run(partial(self._given_back, guess))

    def _counted(self, kind: str, limits: Sequence[_Limit]) -> tuple[tuple[str, datetime], ...]:
        for _ in range(_TRIES):
            try:
                return self._unit.run(partial(self._reserved, kind, limits))
            except _NotBegun as missing:
                with suppress(Gone):  # another worker was faster
                    self._unit.run(partial(self._counts.begin, kind, missing.subject, self._window))
        raise Unavailable("failures could not be counted")

    def _reserved(self, kind: str, limits: Sequence[_Limit]) -> tuple[tuple[str, datetime], ...]:
        counted = []
        for limit in limits:
            window = self._counts.reserve(kind, limit.subject, limit.most, self._window)
            if window is None:
                raise _NotBegun(limit.subject)
            if not window.admitted:
                wait = (window.ends_at - clock.now()).total_seconds()
                reason = Reason("too_many_guesses", f"too many failures ({kind}) of this {limit.name}")
                raise TooMany(wait, reason)
            counted.append((limit.subject, window.ends_at))
        return tuple(counted)

    def _given_back(self, guess: Guess) -> None:
        for subject, ends_at in guess.counted:
            self._counts.give_back(guess.kind, subject, ends_at)
