"""Forget and export users; keep the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .. import clock, signals
from ..domain.client_search import fill_in
from ..signals import tell
from .base import Base


class UserVerbs(Base):
    """What may be done with what is stored about users, and with the tables."""

    def forget_user(self, user: Any, *, commit: bool = True) -> None:
        """Remove a user's authorizations, tokens and consents, and take them off clients they own.

        Done by itself when the session deletes a user of ``user_model``; call it where there is none,
        or where users are deleted in bulk.
        """
        server = self._server
        key = server.subjects.key_of(user)
        server.storage.unit.run(lambda: server.storage.users.forget(key), commit)
        tell(signals.user_forgotten, user_id=key)

    def export_user(self, user: Any) -> dict[str, Any]:
        """What is stored about a user, as JSON values; times in seconds since the epoch.

        :returns: lists of ``authorizations`` (ended ones, too), ``consents``, ``personal_tokens``,
            ``events`` of the audit and ``clients`` that they own.
        """
        server = self._server
        exported = server.storage.users.export(server.subjects.key_of(user))
        return {
            what: [{name: clock.epoch(v) if isinstance(v, datetime) else v for name, v in row.items()} for row in rows]
            for what, rows in exported.items()
        }

    def init_db(self) -> list[str]:
        """Make missing tables, add missing columns, and let clients be found that were registered before
        there was a search; returns what was done, as sentences."""
        storage = self._server.storage
        done = storage.schema.create()
        found = fill_in(storage)
        return [*done, f"Made the search terms of {found} clients."] if found else done

    def purge(self) -> int:
        """Remove everything that has ended long enough ago; returns the number of rows."""
        return self._server.purger.everything()
