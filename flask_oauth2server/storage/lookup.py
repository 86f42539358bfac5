"""Prepared SELECTs for what every request asks: past the session, on the driver's own cursor, where that sees the
same and nobody would miss a statement.

SQLAlchemy's execution of a statement that it has compiled long ago costs three times what SQLite needs to answer.
"""

from __future__ import annotations

import logging
from collections import namedtuple
from collections.abc import Mapping
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Engine, Select
from sqlalchemy.orm import scoped_session
from sqlalchemy.pool import SingletonThreadPool, StaticPool


class Lookup:
    """Finds rows without beginning ``db.session``.

    The session is asked instead where it has begun, for it may hold what is not committed; where it is bound to a
    connection or chooses engines by itself; and where a pool has one connection for all, which giving back would
    roll back.

    :param db: the Flask-SQLAlchemy object.
    :param model: a model of the database that is asked.
    :param statement: a Core SELECT; its parameters are named, and texts.
    """

    def __init__(self, db: SQLAlchemy, model: Any, statement: Select[Any]) -> None:
        self._db = db
        self._model = model
        self._bind_key = model.__table__.metadata.info.get("bind_key")
        self._statement = statement
        self._engines: Mapping[str | None, Engine] | None = None
        self._prepared: _Prepared | None = None

    def first(self, **texts: str) -> Any:
        """The first row, or None."""
        rows = self.rows(**texts)
        return rows[0] if rows else None

    def rows(self, **texts: str) -> list[Any]:
        """All rows; their columns are attributes."""
        session = self._db.session
        if not has_begun(session) and chooses_plainly(session):
            prepared = self._of_engine()
            if prepared.is_apart:
                return prepared.rows(texts)
        connection = session.connection(bind_arguments={"mapper": self._model})
        return list(connection.execute(self._statement, texts))

    def _of_engine(self) -> _Prepared:
        if self._engines is None:
            self._engines = self._db.engines
        engine = self._engines[self._bind_key]
        if self._prepared is None or self._prepared.engine is not engine:
            self._prepared = _Prepared(engine, self._statement)
        return self._prepared


def has_begun(session: scoped_session[Any]) -> bool:
    """Whether the session of the current context is in a transaction."""
    return session.registry.has() and session.registry().in_transaction()


def chooses_plainly(session: scoped_session[Any]) -> bool:
    """Whether Flask-SQLAlchemy's own rule says which engine a session takes."""
    factory = session.session_factory
    settings = factory.kw
    return factory.class_.get_bind is Session.get_bind and not (settings.get("bind") or settings.get("binds"))


class _Prepared:
    """A statement as the driver of one engine wants it."""

    def __init__(self, engine: Engine, statement: Select[Any]) -> None:
        self.engine = engine
        #: Whether a connection of its own may be taken.
        self.is_apart = not isinstance(engine.pool, StaticPool | SingletonThreadPool)
        self._statement = statement
        compiled = statement.compile(dialect=engine.dialect)
        self._text = compiled.string
        self._order: list[str] | None = compiled.positiontup
        # A host's SQL for ``is_active`` may bring values of its own, and an engine may rename schemas.
        self._plain = all(bind.required for bind in compiled.binds.values()) and not engine.get_execution_options()
        # One round trip instead of three: no BEGIN before, no ROLLBACK after. Elsewhere it would be one more.
        self._autocommit = engine.dialect.name == "postgresql"
        self._errors: Any = engine.dialect.loaded_dbapi.Error
        names = [str(column.key) for column in statement.selected_columns]
        try:
            self._row = cast(Any, namedtuple)("Row", names)._make
        except ValueError:  # a column of the host's own model that is called like no attribute
            self._plain = False
        self._processors: list[tuple[int, Any]] | None = None

    def rows(self, texts: Mapping[str, str]) -> list[Any]:
        engine = self.engine
        if self._plain and not engine._has_events and not engine.logger.isEnabledFor(logging.INFO):
            try:
                return self._fetched(texts)
            except self._errors:
                pass  # a connection that was lost, mostly; SQLAlchemy tells, or finds one that lives
        with engine.connect() as connection:
            return list(connection.execute(self._statement, texts))

    def _fetched(self, texts: Mapping[str, str]) -> list[Any]:
        connection, alone = self.engine.raw_connection(), self._autocommit
        try:
            if alone:
                self._begin_alone(connection.dbapi_connection)
            cursor = connection.cursor()
            cursor.execute(self._text, texts if self._order is None else [texts[name] for name in self._order])
            found = cursor.fetchall()
            if found and self._processors is None:
                self._processors = self._made(cursor.description)
            cursor.close()
            if alone:
                self.engine.dialect.reset_isolation_level(cast(Any, connection.dbapi_connection))
        except BaseException:
            connection.invalidate()
            raise
        connection.close()
        return [self._processed(row) for row in found]

    def _begin_alone(self, connection: Any) -> None:
        try:
            self.engine.dialect.set_isolation_level(connection, "AUTOCOMMIT")
        except self._errors:  # a listener of the host has begun a transaction: it is not tried again
            self._autocommit = False
            raise

    def _made(self, description: Any) -> list[tuple[int, Any]]:
        """What the types of the columns make of the driver's values, where they do anything."""
        dialect = self.engine.dialect
        made = [
            column.type.dialect_impl(dialect).result_processor(dialect, told[1])
            for column, told in zip(self._statement.selected_columns, description, strict=True)
        ]
        return [(index, processor) for index, processor in enumerate(made) if processor is not None]

    def _processed(self, row: Any) -> Any:
        values = list(row)
        for index, processor in self._processors or ():
            values[index] = processor(values[index])
        return self._row(values)
