"""Audit events: what happened in a person's name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, case, delete, exists, func, insert, or_, select, type_coerce, update

from .. import clock
from .base import Queries
from .lookup import Lookup


class AuditEvents(Queries):
    """Queries for audit events."""

    def add(self, run: Callable[..., Any] | None = None, **values: Any) -> int:
        """A new event; returns its key.

        :param run: runs a statement, inside somebody's transaction; default: ``db.session``.
        """
        if run is None:
            return self.added(self.models.AuditEvent, values)
        return int(run(insert(self.models.AuditEvent.__table__), values).inserted_primary_key[0])

    def sign(self, pk: int, mac: str, run: Callable[..., Any] | None = None) -> None:
        """Complete a new event by its fingerprint, which tells of its key, too."""
        (run or self.changed)(self._sign, {"pk": pk, "signed": mac})

    @cached_property
    def _sign(self) -> Any:
        table = self.models.AuditEvent.__table__
        return update(table).where(table.c.id == bindparam("pk")).values(mac=bindparam("signed"))

    def of_user(self, user: Any, *, before: int | None, limit: int, but: Collection[str] = ()) -> list[Any]:
        """The latest events of *user*, newest first, each with whether what it speaks of can still act.

        :param before: only those with a smaller key.
        :param but: kinds to leave out.
        """
        event, authorization, token = (
            model.__table__ for model in (self.models.AuditEvent, self.models.Authorization, self.models.Token)
        )
        now = clock.now()
        live_authorization = authorization.c.revoked_at.is_(None) & (authorization.c.expires_at > now)
        client, since = self.models.Client.__table__, authorization.alias()
        given_since = (
            select(since.c.created_at)  # of the latest one that can be used: the index has it at its end
            .where(since.c.user_id == user, since.c.client_pk == client.c.id)
            .where(since.c.revoked_at.is_(None), since.c.live_until > now)
            .order_by(since.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        live_token = token.c.revoked_at.is_(None) & (token.c.expires_at > now)
        statement = (
            select(event, or_(live_authorization, live_token, given_since >= event.c.created_at).label("can_act"))
            .select_from(event)
            .outerjoin(authorization, authorization.c.public_id == event.c.authorization)
            .outerjoin(token, token.c.id == event.c.token_id)
            .outerjoin(client, client.c.client_id == event.c.client_id)
            .where(event.c.user_id == user, event.c.kind.not_in(but))
            .order_by(event.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(event.c.id < before)
        return self.all(statement)

    def page(
        self,
        *,
        before: int | None = None,
        user: Any = None,
        actor: str | None = None,
        client_id: str | None = None,
        kind: str | None = None,
        limit: int,
    ) -> list[Any]:
        """Events of everybody, newest first; each filter has an index.

        :param before: only those with a smaller key.
        :param user: only those that concern this user, by the stored key.
        :param actor: only those that this person, administrator or client did: the stored key as text, or a
            ``client_id``.
        """
        table = self.models.AuditEvent.__table__
        wanted = {"user_id": user, "actor": actor, "client_id": client_id, "kind": kind}
        statement = self._shown().order_by(table.c.id.desc()).limit(limit)
        for name, value in wanted.items():
            if value is not None:
                statement = statement.where(table.c[name] == value)
        if before is not None:
            statement = statement.where(table.c.id < before)
        return self.all(statement)

    def _shown(self) -> Any:
        """Events as they may be shown: nothing of what a foreign key has taken the user away from, which no
        fingerprint holds any more."""
        table = self.models.AuditEvent.__table__
        orphan = table.c.user_id.is_(None) & table.c.user_salt.is_not(None)
        hidden = ("client_name", "name", "changes")
        shown = [
            type_coerce(case((orphan, None), else_=column), column.type).label(column.name)
            if column.name in hidden
            else column
            for column in table.c
        ]
        return select(*shown)

    def following(self, *, after: int, limit: int, **wanted: Any) -> list[int]:
        """Keys of the next newer events of everybody, oldest first.

        :param wanted: filters of :meth:`page`.
        """
        table = self.models.AuditEvent.__table__
        names = {"user": "user_id"}
        chosen = [table.c[names.get(name, name)] == value for name, value in wanted.items()]
        statement = select(table.c.id).where(*chosen, table.c.id > after).order_by(table.c.id).limit(limit)
        return [row.id for row in self.all(statement)]

    def newer(self, user: Any, *, after: int, limit: int, but: Collection[str] = ()) -> list[int]:
        """Keys of the next newer events of *user*, oldest first.

        :param but: kinds to leave out.
        """
        table = self.models.AuditEvent.__table__
        statement = select(table.c.id).where(table.c.user_id == user, table.c.id > after, table.c.kind.not_in(but))
        return [row[0] for row in self.all(statement.order_by(table.c.id).limit(limit))]

    def find(self, user: Any, pk: int) -> Any:
        """One event of *user*, or None."""
        table = self.models.AuditEvent.__table__
        return self.one(select(table).where(table.c.id == pk, table.c.user_id == user))

    def addresses(self, *, authorization: str | None, token_id: int | None) -> list[tuple[str | None, datetime]]:
        """The addresses noted for one authorization or one personal token, and when."""
        table = self.models.AuditEvent.__table__
        whose = table.c.authorization == authorization if authorization else table.c.token_id == token_id
        return [(row[0], row[1]) for row in self.all(select(table.c["address", "created_at"]).where(whose))]

    def is_noted(self, kind: str, user: Any, client_id: str, reason: str, address: str | None) -> bool:
        """Whether the same was noted within the last day."""
        asked = {"user": user, "after": clock.now() - timedelta(days=1), "kind": kind, "reason": reason}
        return self._noted.first(**asked, client=client_id, address=address) is not None

    @cached_property
    def _noted(self) -> Lookup:
        table = self.models.AuditEvent.__table__
        noted = select(table.c.id).where(
            table.c.user_id == bindparam("user"),
            table.c.created_at > bindparam("after"),
            table.c.kind == bindparam("kind"),
            table.c.client_id == bindparam("client"),
            table.c.reason == bindparam("reason"),
            table.c.address.is_not_distinct_from(bindparam("address", type_=table.c.address.type)),
        )
        return Lookup(self.db, self.models.AuditEvent, noted)

    def unsealed(self, *, after: int = 0, limit: int) -> list[Any]:
        """The next events that stand under no seal, in order of their keys.

        No row is locked: an event never changes, but for what erasing takes away, and that is in no seal.
        """
        table = self.models.AuditEvent.__table__
        statement = select(table).where(table.c.seal.is_(None), table.c.id > after)
        return self.all(statement.order_by(table.c.id).limit(limit))

    def put_under(self, keys: Sequence[int], seal: int) -> int:
        """Put events under a seal that was made just now; returns how many there were.

        Each by its key, and by nothing else: on MariaDB a list of keys, or a further condition that has an
        index, may lock the place where the next event is to be written. Whether an event stands under another
        seal need not be asked: who has made the seal of this number has seen all that were made before.
        """
        table = self.models.AuditEvent.__table__
        return self._each(update(table).where(table.c.id == bindparam("pk")).values(seal=seal), keys)

    def under(self, first: int, last: int) -> list[Any]:
        """The events under the seals from *first* to *last*, by seal and key."""
        table = self.models.AuditEvent.__table__
        return self.all(select(table).where(table.c.seal.between(first, last)).order_by(table.c.seal, table.c.id))

    def under_none(self) -> list[Any]:
        """Numbers of seals that do not exist, at most a hundred, with the first event under each."""
        event, seal = self.models.AuditEvent.__table__, self.models.AuditSeal.__table__
        missing = event.c.seal.is_not(None) & ~exists(select(seal.c.id).where(seal.c.number == event.c.seal))
        statement = select(event.c.seal, func.min(event.c.id).label("first")).where(missing).group_by(event.c.seal)
        return self.all(statement.order_by(event.c.seal).limit(100))

    def remove(self, keys: Sequence[int]) -> int:
        """Remove events, each by its key alone; see :meth:`put_under`."""
        table = self.models.AuditEvent.__table__
        return self._each(delete(table).where(table.c.id == bindparam("pk")), keys)

    def finish_erasing(self, limit: int) -> int:
        """Take what is personal out of at most *limit* events whose user a foreign key has taken away."""
        table = self.models.AuditEvent.__table__
        orphans = select(table.c["id", "actor_kind"]).where(table.c.user_id.is_(None), table.c.user_salt.is_not(None))
        rows = self.all(orphans.limit(limit))
        administrators = [row.id for row in rows if row.actor_kind == "administrator"]
        others = [row.id for row in rows if row.actor_kind != "administrator"]
        statement = update(table).where(table.c.id == bindparam("pk"))
        both = {**dict.fromkeys(USER_COLUMNS), **dict.fromkeys(ACTOR_COLUMNS)}
        done = self._each(statement.values(dict.fromkeys(USER_COLUMNS)), administrators)
        return done + self._each(statement.values(both), others)

    def _each(self, statement: Any, keys: Sequence[int]) -> int:
        """Run a statement once for each key, as one call."""
        if not keys:
            return 0
        connection = self.db.session.connection(bind_arguments=self._bind())
        return connection.execute(statement, [{"pk": key} for key in sorted(keys)]).rowcount


#: What is personal, with its salt: of whom an event concerns, and of who did it.
USER_COLUMNS = ("user_id", "client_name", "name", "changes", "user_salt")
ACTOR_COLUMNS = ("actor", "address", "device", "actor_salt")
