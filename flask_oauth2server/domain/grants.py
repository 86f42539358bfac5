"""Handles: values that are single-use, expiring and bound to a client. Make, peek, use up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from .. import clock
from ..storage import Storage
from . import tokens


class HandleKind(NamedTuple):
    """A kind of handle: the letter in its prefix, and its life in seconds."""

    letter: str
    lifetime: int


class Handles:
    """Handles of one app.

    :param storage: the queries.
    :param values: makes and recognises values.
    """

    def __init__(self, storage: Storage, values: tokens.Values) -> None:
        self._storage = storage
        self._values = values
        self.kinds: dict[str, HandleKind] = {}

    def make(
        self,
        kind: str,
        client_pk: int,
        payload: Mapping[str, Any],
        authorization_id: int | None = None,
        **columns: Any,
    ) -> str:
        """A new handle, uncommitted; returns its value.

        :param columns: further columns of its row, for a feature that has added some.
        """
        letter, lifetime = self.kinds[kind]
        value, now = self._values.make(letter), clock.now()
        self._storage.grants.add(
            kind=kind,
            digest=tokens.digest(value),
            client_pk=client_pk,
            authorization_id=authorization_id,
            payload=dict(payload),
            created_at=now,
            expires_at=now + timedelta(seconds=lifetime),
            **columns,
        )
        return value

    def peek(self, kind: str, value: str) -> Any:
        """The row of a handle, used or not, expired or not; None if there is none."""
        if not self._values.is_kind(value, self.kinds[kind].letter):
            return None
        return self._storage.grants.find(kind, tokens.digest(value))
