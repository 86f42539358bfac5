"""Forget and export users; keep the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .. import clock, signals
from ..domain import audit
from ..domain.client_search import fill_in
from ..signals import tell
from ..storage.changes import ALL, USER, mark
from .base import Base


class UserVerbs(Base):
    """What may be done with what is stored about users, and with the tables."""

    def forget_user(self, user: Any = None, *, key: Any = None, commit: bool = True) -> None:
        """Remove a user's authorizations, tokens and consents, take them off clients they own, and take what is
        personal out of the audit, whose seals stay whole.

        Done by itself when the session deletes a user of ``user_model``; call it where there is none,
        or where users are deleted in bulk.

        :param key: the stored key of a user who cannot be loaded any more, instead of *user*.
        """
        server = self._server
        whose = server.subjects.key_of(user) if key is None else key

        def work() -> None:
            server.audit.note_erased(whose, server.storage.users.forget(whose))

        server.storage.unit.run(work, commit)
        tell(signals.user_forgotten, user_id=whose)

    def forget_tokens(self, user: Any = None, *, key: Any = None) -> None:
        """Let protected views ask the database again about a user's tokens, or about all, in all processes that
        ``OAUTH2_TOKEN_CACHE_URL`` joins.

        Call it where somebody is deactivated by other means than a column ``is_active`` of ``user_model``, or
        where tables are changed past ``db.session``. Before or after the commit, both will do.

        :param user: whose; none and no *key*: everybody's.
        :param key: the stored key of a user who cannot be loaded any more, instead of *user*.
        """
        server = self._server
        whose = server.subjects.key_of(user) if user is not None else key
        server.storage.changes.note(ALL if whose is None else mark(USER, whose))

    def export_user(self, user: Any = None, *, key: Any = None, commit: bool = True) -> dict[str, Any]:
        """What is stored about a user, as JSON values; times in seconds since the epoch. That it was handed out
        is noted in the audit.

        :param key: the stored key of a user who cannot be loaded any more, instead of *user*.
        :returns: lists of ``authorizations`` (ended ones, too), ``access_tokens``, ``consents``,
            ``personal_tokens``, ``events`` of the audit that concern them, ``acts`` of theirs that concern
            others, ``failures`` and ``clients`` that they own.
        """
        server = self._server
        whose = server.subjects.key_of(user) if key is None else key
        exported = server.storage.exports.of_user(whose)
        known = whose if user is not None or server.subjects.load(whose) is not None else None
        server.storage.unit.run(lambda: server.audit.note(audit.USER_EXPORTED, known), commit)
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
