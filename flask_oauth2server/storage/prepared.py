"""Statements as the driver of one engine wants them, made once.

SQLAlchemy's execution of a statement that it has compiled long ago costs three times what SQLite needs to do it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

from sqlalchemy import Connection, Dialect, Engine, Executable
from sqlalchemy.exc import DBAPIError

#: Drivers of which it is known that there is nothing between a compiled statement and their cursor.
_DRIVERS = {"pysqlite", "psycopg", "psycopg2", "pymysql", "mysqldb"}

T = TypeVar("T")
Processors = list[tuple[Any, Callable[[Any], Any]]]


class Written(NamedTuple):
    """What an INSERT or UPDATE did: how many rows it met, and the key of a new one."""

    rows: int
    key: int


class Prepared:
    """One statement for one engine.

    :param columns: names of the columns that an INSERT fills.
    """

    def __init__(self, engine: Engine, statement: Any, columns: Sequence[str] | None = None) -> None:
        self.engine = engine
        self.statement = statement
        self.compiled = compiled = statement.compile(dialect=engine.dialect, column_keys=columns)
        self.text: str = compiled.string
        self.errors: Any = engine.dialect.loaded_dbapi.Error
        #: Whether the statement needs nothing that SQLAlchemy alone can do.
        self.is_plain = _is_plain(engine.dialect, compiled)
        self._order: list[str] | None = compiled.positiontup
        made = ((name, _bind_processor(engine.dialect, bind.type)) for name, bind in compiled.binds.items())
        self._processors: Processors = [(name, process) for name, process in made if process is not None]

    def is_watched(self, of: Engine | Connection) -> bool:
        """Whether somebody would miss a statement of this engine or connection, or wants it otherwise."""
        engine = self.engine
        heard = of._has_events or engine._has_events or engine.dialect._has_events
        return bool(heard or of.get_execution_options() or engine.logger.isEnabledFor(logging.INFO))

    def bound(self, values: Mapping[str, Any]) -> Any:
        """*values* as the driver takes them."""
        if self._processors:
            values = dict(values)
            for name, process in self._processors:
                values[name] = process(values[name])
        return values if self._order is None else [values[name] for name in self._order]

    def run(self, connection: Connection, values: Mapping[str, Any], read: Callable[[Any], T]) -> T | None:
        """Run the statement in the transaction of *connection*, on the driver's cursor.

        :param read: makes what is returned of the cursor.
        :returns: None: leave it to SQLAlchemy, nothing was run.
        :raises DBAPIError: as SQLAlchemy does.
        """
        if not self.is_plain or self.is_watched(connection):
            return None
        cursor: Any = None
        try:
            cursor = connection.connection.cursor()
            cursor.execute(self.text, self.bound(values))
            found = read(cursor)
            cursor.close()
        except self.errors as error:
            self._tell(connection, cursor, error)
        except Exception:
            if cursor is not None:
                cursor.close()
            raise
        except BaseException:  # between question and answer: who knows what would be read next
            connection.invalidate()
            raise
        return found

    def _tell(self, connection: Connection, cursor: Any, error: Any) -> NoReturn:
        dialect, driver = connection.dialect, cast(Any, connection.connection.dbapi_connection)
        lost = dialect.is_disconnect(error, driver, cursor)
        if lost:
            connection.exec_driver_sql("SELECT 1")  # fails as well, and SQLAlchemy tells the pool
            connection.invalidate(error)
        elif cursor is not None:
            cursor.close()
        raise DBAPIError.instance(
            self.text, None, error, self.errors, connection_invalidated=lost, dialect=dialect
        ) from error

    def written(self, cursor: Any) -> Written:
        """What an INSERT or UPDATE did."""
        if not self.statement.is_insert:
            return Written(cursor.rowcount, 0)
        return Written(1, int(cursor.fetchone()[0] if self.compiled.effective_returning else cursor.lastrowid))


def _is_plain(dialect: Dialect, compiled: Any) -> bool:
    # A host's SQL for ``is_active`` may bring values of its own, and so do defaults of its columns.
    given = all(bind.required and not bind.expanding for bind in compiled.binds.values())
    return given and not compiled.escaped_bind_names and dialect.driver in _DRIVERS


def _bind_processor(dialect: Dialect, type_: Any) -> Callable[[Any], Any] | None:
    processor: Callable[[Any], Any] | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return processor


class Write:
    """An INSERT or UPDATE on the cursor of a connection whose transaction has begun.

    :param statement: Core; the names of an UPDATE's parameters are not those of its columns.
    :param columns: names of the columns that an INSERT fills, all of them at each time.
    """

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns
        self._prepared: Prepared | None = None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Written:
        """Run it; errors are SQLAlchemy's."""
        prepared = self._prepared
        if prepared is None or prepared.engine is not connection.engine:
            prepared = self._prepared = Prepared(connection.engine, self._statement, self._columns)
        written = prepared.run(connection, values, prepared.written)
        if written is None:
            result: Any = connection.execute(self._statement, values)
            return Written(result.rowcount, result.inserted_primary_key[0] if self._statement.is_insert else 0)
        return written
