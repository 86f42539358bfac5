"""Tickets of forms: signed, stateless, good for a while, used up with what the form does.

A ticket kept in the cookie session would be neither single-use nor safe with two tabs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .. import clock
from ..errors import TicketRefused
from ..storage import Storage
from . import signed, tokens


class Tickets:
    """Tickets for one purpose.

    :param storage: the queries.
    :param purpose: keeps the tickets of different forms apart.
    :param lifetime: seconds that one is good for.
    """

    def __init__(self, storage: Storage, purpose: str, lifetime: int = signed.LIFETIME) -> None:
        self._storage = storage
        self._purpose = purpose
        self._lifetime = lifetime

    def make(self, binding: str) -> str:
        """A ticket for what *binding* stands for."""
        return signed.sign(self._purpose, [binding, tokens.random_text()])

    def use_up(self, ticket: str | None, binding: str) -> Callable[[], None]:
        """Check a ticket; what is returned uses it up, inside the unit that does the work.

        :raises TicketRefused: if it is forged, expired, or stands for something else; from the
            returned function: if it was used before.
        """
        payload = signed.read(self._purpose, ticket, self._lifetime)
        if payload is None or payload[0] != binding:
            raise TicketRefused("the ticket is expired or stands for something else")
        kept = clock.now() + timedelta(seconds=2 * self._lifetime)
        used = lambda: TicketRefused("the ticket was used before")  # noqa: E731
        return lambda: self._storage.replays.use_up(self._purpose, payload[1], kept, used)

    def is_used(self, ticket: str | None) -> bool:
        """Whether *ticket* is one of these, and was used: the form was sent a second time."""
        payload = signed.read(self._purpose, ticket, 2 * self._lifetime)
        return payload is not None and self._storage.replays.is_used(self._purpose, payload[1])
