"""What the files of this room share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, CursorResult, Executable, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..models.factory import Models
from . import apart
from .prepared import Write

_CONNECTION = "oauth2server connection"


class Queries:
    """Base of all query classes.

    :param db: the Flask-SQLAlchemy object.
    :param models: the classes made for it.
    """

    def __init__(self, db: SQLAlchemy, models: Models) -> None:
        self.db = db
        self.models = models
        self._bind_key = models.Client.__table__.metadata.info.get("bind_key")
        self._inserts: dict[Any, Write] = {}

    def executed(self, statement: Executable, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Run a Core statement on the session's connection, which costs less than the session's own ``execute``.

        :param values: of its named parameters, or of an INSERT's columns.
        """
        return self._connection().execute(statement, values)

    def _connection(self) -> Connection:
        """The connection of a transaction apart, or the session's, which is asked for once in each transaction."""
        unit = apart.running(self.db)
        if unit is not None and (own := unit.begun(self._bind_key)) is not None:
            return own
        session = self.db.session()
        running, connection = session.info.get(_CONNECTION, (None, None))
        if running is None or running is not session.get_transaction():
            connection = session.connection(bind_arguments=self._bind())
            session.info[_CONNECTION] = session.get_transaction(), connection
        return cast(Connection, connection)

    def changed(self, statement: Executable, values: Mapping[str, Any] | None = None) -> int:
        """Run an UPDATE or DELETE and tell how many rows it met."""
        return self.executed(statement, values).rowcount

    def inserted(
        self,
        statement: Any,
        on_duplicate: Callable[[], Exception] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """Run an INSERT and return the new key.

        :param on_duplicate: makes the exception raised where a unique value stands already.
        """
        try:
            result: Any = self.executed(statement, values)
        except IntegrityError as error:
            if on_duplicate is None or not is_duplicate(error):
                raise
            raise on_duplicate() from error
        return int(result.inserted_primary_key[0])

    def one(self, statement: Any) -> Any:
        """The first row of a SELECT, or None."""
        return self.db.session.execute(statement).first()

    def all(self, statement: Any) -> list[Any]:
        """All rows of a SELECT."""
        return list(self.db.session.execute(statement))

    def written(self, write: Write, values: Mapping[str, Any]) -> int:
        """Run a prepared UPDATE and tell how many rows it met."""
        return write.run(self._connection(), values).rows

    def added(self, model: Any, values: Mapping[str, Any]) -> int:
        """Insert a row of *model*, by a statement that is made once; returns its key."""
        columns = (model, *values)
        write = self._inserts.get(columns)
        if write is None:
            write = self._inserts[columns] = Write(insert(model.__table__), list(values))
        return write.run(self._connection(), values).key

    def page_of(self, statement: Any, *order: Any, offset: int, limit: int) -> tuple[list[Any], int]:
        """One page of what *statement* finds, models or rows, and how many there are in all."""
        total = self.one(select(func.count()).select_from(statement.order_by(None).subquery()))[0]
        rows = self.db.session.execute(statement.order_by(*order).offset(offset).limit(limit))
        return [row[0] if len(row) == 1 else row for row in rows], int(total)

    def counted(self, statement: Any, most: int) -> int:
        """How many rows *statement* finds; *most* + 1 means that there are more than *most*."""
        few = statement.order_by(None).limit(most + 1).subquery()
        return int(self.one(select(func.count()).select_from(few))[0])

    def bind(self) -> Any:
        """The engine of our tables, or the connection that a session of the host's is bound to."""
        return self.db.session.get_bind(**self._bind())

    def _bind(self) -> dict[str, Any]:
        return {"mapper": self.models.Client}

    def update_free(self, table: Any, keys: Collection[int], **values: Any) -> None:
        """Update those of some rows that nobody holds."""
        free = [row[0] for row in self.all(locked(select(table.c.id).where(table.c.id.in_(sorted(keys)))))]
        if free:
            self.changed(update(table).where(table.c.id.in_(free)).values(**values))

    def delete_some(self, table: Any, condition: Any, order: Any, limit: int) -> int:
        """Delete at most *limit* rows, oldest first, leaving those that somebody holds.

        :returns: the number of rows deleted.
        """
        keys = [row[0] for row in self.all(locked(select(table.c.id).where(condition).order_by(order).limit(limit)))]
        return self.changed(delete(table).where(table.c.id.in_(keys))) if keys else 0


def locked(statement: Any) -> Any:
    """*statement* with its rows locked, passing over rows that are locked already."""
    return statement.with_for_update(skip_locked=True)


def is_duplicate(error: IntegrityError) -> bool:
    """Whether a unique constraint was met, rather than a foreign key."""
    original = error.orig
    if getattr(original, "sqlstate", None) == "23505":
        return True
    if getattr(original, "sqlite_errorname", "") in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        return True
    arguments: Any = getattr(original, "args", ())
    return bool(arguments) and arguments[0] == 1062
