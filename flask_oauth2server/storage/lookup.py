"""Prepared SELECTs for what every request asks: past the session, on the driver's own cursor, where that sees the
same and nobody would miss a statement."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, Select

from .apart import has_one_connection, may_be_spared, running
from .prepared import Prepared, Processors


class Lookup:
    """Finds rows without beginning ``db.session``.

    The session is asked instead where it has begun, for it may hold what is not committed; where it is bound to a
    connection or chooses engines by itself; and where a pool has one connection for all, which giving back would
    roll back.

    :param db: the Flask-SQLAlchemy object.
    :param model: a model of the database that is asked.
    :param statement: a Core SELECT; its parameters are named.
    """

    def __init__(self, db: SQLAlchemy, model: Any, statement: Select[Any]) -> None:
        self._db = db
        self._model = model
        self._bind_key = model.__table__.metadata.info.get("bind_key")
        self._statement = statement
        self._engines: Mapping[str | None, Engine] | None = None
        self._prepared: _Prepared | None = None

    def first(self, **values: Any) -> Any:
        """The first row, or None."""
        rows = self.rows(**values)
        return rows[0] if rows else None

    def rows(self, **values: Any) -> list[Any]:
        """All rows; their columns are attributes."""
        apart = running(self._db)
        connection = None if apart is None else apart.connection
        if connection is None:
            session = self._db.session
            if may_be_spared(session) and not has_one_connection(engine := self._plain_engine()):
                return self._of_engine(engine).rows(values)
            connection = session.connection(bind_arguments={"mapper": self._model})
        return self._of_engine(connection.engine).rows_in(connection, values)

    def _plain_engine(self) -> Engine:
        if self._engines is None:
            self._engines = self._db.engines
        return self._engines[self._bind_key]

    def _of_engine(self, engine: Engine) -> _Prepared:
        if self._prepared is None or self._prepared.engine is not engine:
            self._prepared = _Prepared(engine, self._statement)
        return self._prepared


class _Prepared(Prepared):
    """A SELECT, and what becomes of its rows."""

    def __init__(self, engine: Engine, statement: Select[Any]) -> None:
        super().__init__(engine, statement)
        # One round trip instead of three: no BEGIN before, no ROLLBACK after. Elsewhere it would be one more.
        self._autocommit = engine.dialect.name == "postgresql"
        names = [str(column.key) for column in statement.selected_columns]
        try:
            self._row = cast(Any, namedtuple)("Row", names)._make
        except ValueError:  # a column of the host's own model that is called like no attribute
            self.is_plain = False
        self._made: Processors | None = None

    def rows_in(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """The rows as the transaction of *connection* sees them."""
        rows = self.run(connection, values, self._read)
        return list(connection.execute(self.statement, values)) if rows is None else rows

    def rows(self, values: Mapping[str, Any]) -> list[Any]:
        """The rows as a connection of its own sees them."""
        engine = self.engine
        if self.is_plain and not self.is_watched(engine):
            try:
                return self._fetched(values)
            except self.errors:
                pass  # a connection that was lost, mostly; SQLAlchemy tells, or finds one that lives
        with engine.connect() as connection:
            return list(connection.execute(self.statement, values))

    def _fetched(self, values: Mapping[str, Any]) -> list[Any]:
        connection, alone = self.engine.raw_connection(), self._autocommit
        try:
            if alone:
                self._begin_alone(connection.dbapi_connection)
            cursor = connection.cursor()
            cursor.execute(self.text, self.bound(values))
            rows = self._read(cursor)
            cursor.close()
            if alone:
                self.engine.dialect.reset_isolation_level(cast(Any, connection.dbapi_connection))
        except BaseException:
            connection.invalidate()
            raise
        connection.close()
        return rows

    def _read(self, cursor: Any) -> list[Any]:
        found = cursor.fetchall()
        if found and self._made is None:
            self._made = self._making(cursor.description)
        return [self._processed(row) for row in found]

    def _begin_alone(self, connection: Any) -> None:
        try:
            self.engine.dialect.set_isolation_level(connection, "AUTOCOMMIT")
        except self.errors:  # a listener of the host has begun a transaction: it is not tried again
            self._autocommit = False
            raise

    def _making(self, description: Any) -> Processors:
        """What the types of the columns make of the driver's values, where they do anything."""
        dialect = self.engine.dialect
        made = [
            column.type.dialect_impl(dialect).result_processor(dialect, told[1])
            for column, told in zip(self.statement.selected_columns, description, strict=True)
        ]
        return [(index, processor) for index, processor in enumerate(made) if processor is not None]

    def _processed(self, row: Any) -> Any:
        values = list(row)
        for index, processor in self._made or ():
            values[index] = processor(values[index])
        return self._row(values)
