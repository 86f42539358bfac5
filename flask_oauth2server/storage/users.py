"""What is asked of the host's user model, and what is removed when a user goes."""

from __future__ import annotations

import inspect as python_inspect
from collections.abc import Callable, Iterator
from typing import Any

from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, SmallInteger, delete, event, inspect, or_, select, true, update
from sqlalchemy.orm import object_session

from ..models.factory import Models, user_key_column
from . import apart
from .audit_events import ACTOR_COLUMNS, USER_COLUMNS
from .base import Queries

_FORGOTTEN = "oauth2server forgotten users"
_LISTENING = "oauth2server listens to users"


class Users(Queries):
    """Queries about users.

    :param db: the Flask-SQLAlchemy object.
    :param models: the classes made for it.
    :param user_model: the host's user class, or None where Flask-Login's loader knows the users.
    """

    def __init__(self, db: SQLAlchemy, models: Models, user_model: Any) -> None:
        super().__init__(db, models)
        self.user_model = user_model
        self.key_column = None if user_model is None else user_key_column(user_model)
        #: SQL that tells whether a user is active, or None where there is none to ask.
        self.active_column: Any = None
        #: Whether ``is_active`` is Python of the host, so that the user has to be loaded.
        self.active_in_python = False
        if user_model is not None:
            self._find_is_active()

    def _find_is_active(self) -> None:
        ours = python_inspect.getattr_static(self.user_model, "is_active", None)
        if "is_active" in inspect(self.user_model).all_orm_descriptors:
            self.active_column = self.user_model.is_active
        elif ours is not None and ours is not python_inspect.getattr_static(UserMixin, "is_active"):
            self.active_in_python = True

    def judged(self) -> tuple[Any, Any]:
        """Columns that tell whether there is a user, and whether they are active, for a SELECT that :meth:`joined`
        has seen."""
        columns = (self.key_column, self.active_column)
        row, active = (true() if column is None else column for column in columns)
        return row.label("user_row"), active.label("user_active")

    def joined(self, statement: Any, key: Any) -> Any:
        """*statement* with the table of users, if there is one, where their key is *key*."""
        return statement if self.user_model is None else statement.outerjoin(self.user_model, self.key_column == key)

    def load(self, key: Any) -> Any:
        """The user with primary key *key*, or None."""
        return self.db.session.get(self.user_model, key)

    def key_of(self, user: Any) -> Any:
        """The primary key of *user*, or None if it was never stored."""
        identity = inspect(user).identity
        return identity[0] if identity else getattr(user, inspect(self.user_model).primary_key[0].key, None)

    @property
    def greatest_key(self) -> int:
        """The greatest number that a key can be."""
        kind = None if self.key_column is None else self.key_column.type
        on_sqlite = self.db.session.get_bind(mapper=self.models.Client).dialect.name == "sqlite"
        if on_sqlite or isinstance(kind, BigInteger):
            return 2**63 - 1
        return 2**15 - 1 if isinstance(kind, SmallInteger) else 2**31 - 1

    @property
    def key_python_type(self) -> type:
        """The Python type of user keys."""
        return str if self.key_column is None else self.key_column.type.python_type

    def forget(self, key: Any, run: Callable[[Any], Any] | None = None) -> int:
        """Remove everything that belongs to a user, take them off the clients they own and out of the audit.

        :param run: runs a statement, inside somebody's transaction; default: ``db.session``.
        :returns: how many events told of them.
        """
        execute = run or self.changed
        models = self.models
        authorizations, grants = models.Authorization.__table__, models.Grant.__table__
        # Lock first what everything hangs on, in the order of the house.
        execute(update(authorizations).where(authorizations.c.user_id == key).values(revoked_reason="user removed"))
        theirs = grants.c.authorization_id == authorizations.c.id
        found = select(grants.c.id).join(authorizations, theirs).where(authorizations.c.user_id == key)
        # Named each: from a subquery MariaDB deletes by looking at all codes of everybody.
        for row in self.all(found) if run is None else list(run(found)):
            execute(delete(grants).where(grants.c.id == row.id))
        for model in (models.Token, models.Consent, models.Authorization, models.Failure):
            execute(delete(model.__table__).where(model.__table__.c.user_id == key))
        clients = models.Client.__table__
        owned = select(clients.c.id).where(clients.c.user_id == key)
        execute(delete(grants).where(grants.c.authorization_id.is_(None), grants.c.client_pk.in_(owned)))
        execute(update(clients).where(clients.c.user_id == key).values(user_id=None))
        count = self.changed if run is None else lambda statement: run(statement).rowcount
        return sum(count(statement) for statement in self._erasing(key))

    def _erasing(self, key: Any) -> Iterator[Any]:
        """Take a user out of the audit, a group of columns at a time, so that no seal breaks.

        Who else had to do with it stays: an administrator who changed something of theirs, or the person whose
        client they changed.
        """
        event = self.models.AuditEvent.__table__
        theirs, by_people = event.c.actor == str(key), event.c.actor_kind.in_(("person", "administrator"))
        user, actor = dict.fromkeys(USER_COLUMNS), dict.fromkeys(ACTOR_COLUMNS)
        alone = or_(theirs, event.c.actor_kind.is_(None), ~by_people)
        yield update(event).where(event.c.user_id == key, alone).values(**user, **actor)
        yield update(event).where(event.c.user_id == key).values(user)
        yield update(event).where(theirs, by_people).values(actor)

    def on_delete(self, told: Callable[[Any], None], note: Callable[[Any, int, Any], None]) -> None:
        """Remove what belongs to a user when the session deletes one, in the same transaction.

        :param note: called with the user's key, how many events told of them, and what runs a statement.
        :param told: called with the user's key once that is committed.
        """

        info = self.db.metadata.info
        if info.setdefault(_LISTENING, self) is not self:
            return  # another app on the same db has seen to it

        def forget(mapper: Any, connection: Any, user: Any) -> None:
            key, session = self.key_of(user), object_session(user)
            note(key, self.forget(key, connection.execute), connection.execute)
            if session is not None:
                session.info.setdefault(_FORGOTTEN, []).append((key, session.get_nested_transaction()))

        def undo(session: Any, ended: Any) -> None:
            left = [item for item in session.info.pop(_FORGOTTEN, ()) if ended.nested and item[1] is not ended]
            session.info.update({_FORGOTTEN: left} if left else {})

        def tell(session: Any) -> None:
            if not session.in_nested_transaction():
                for key, _ in session.info.pop(_FORGOTTEN, ()):
                    told(key)

        event.listen(self.user_model, "before_delete", forget, propagate=True)
        event.listen(self.db.session, "after_soft_rollback", undo)
        event.listen(self.db.session, "after_commit", tell)
        apart.idle.update((undo, tell))
