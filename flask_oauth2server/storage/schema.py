"""Do the tables exist, and how they are made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, MetaData, Table, inspect, literal, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn

from ..errors import Unavailable
from .base import Queries

_TRIES = 5
_PAUSE = 0.3  # seconds


class Schema(Queries):
    """The tables of one ``db``."""

    _complete_once = False

    def demand(self) -> None:
        """Look once whether all tables are there; look again only while they are not.

        :raises Unavailable: with advice.
        """
        if self._complete_once:
            return
        problems = self.problems()
        if problems:
            raise Unavailable(
                f"{' '.join(problems)} Run `flask oauth2 init-db`, or make a migration, or call db.create_all() "
                "after OAuth2Server was given the db."
            )
        self._complete_once = True

    def problems(self) -> list[str]:
        """What is missing, as sentences; empty when all is well."""
        # On the session's own connection: a pool may have no second one to give.
        inspector = inspect(self.db.session.connection(bind_arguments=self._bind()))
        tables = [model.__table__ for model in self.models]
        told = inspector.get_multi_columns(filter_names=[table.name for table in tables])
        existing = {name: {column["name"] for column in columns} for (_schema, name), columns in told.items()}
        found = []
        for table in tables:
            if table.name not in existing:
                found.append(f"The table {table.name} is missing.")
                continue
            missing = [column.name for column in table.columns if column.name not in existing[table.name]]
            if missing:
                found.append(f"The table {table.name} lacks {', '.join(missing)}.")
        return found

    def missing_indexes(self) -> list[str]:
        """Names of the indexes that nothing in the database stands in for; tables that are not there have none."""
        wanted = {
            str(index.name): (model.__table__.name, [column.name for column in index.columns])
            for model in self.models
            for index in model.__table__.indexes
        }
        return sorted(self._lacking(wanted))

    def unindexed(self, table: Any, names: Sequence[str]) -> list[str]:
        """Of some columns of a table of the host those with which no index begins."""
        return list(self._lacking({name: (table.name, [name]) for name in names}))

    def _lacking(self, wanted: dict[str, tuple[str, list[str]]]) -> dict[str, tuple[str, list[str]]]:
        """Of some tables and columns those with which neither an index begins nor what implies one."""
        inspector = inspect(self.db.session.connection(bind_arguments=self._bind()))
        for look, key in (
            (inspector.get_multi_indexes, "column_names"),
            (inspector.get_multi_unique_constraints, "column_names"),
            (inspector.get_multi_pk_constraint, "constrained_columns"),
        ):
            if wanted:
                told: Any = look(filter_names=sorted({table for table, _columns in wanted.values()}))
                known: dict[str, list[list[str]]] = {}
                for (_schema, table), found in told.items():
                    known[table] = [one[key] for one in (found if isinstance(found, list) else [found])]
                wanted = {
                    name: it for name, it in wanted.items() if it[0] in known and not _begins(known[it[0]], it[1])
                }
        return wanted

    def create(self) -> list[str]:
        """Make missing tables, and add missing columns and indexes to those that exist.

        Where another process does the same at this moment, one of the two finds it done.

        :returns: what was done, as sentences.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._create()
            except DBAPIError:
                time.sleep(_PAUSE)
        return self._create()

    def _create(self) -> list[str]:
        engine = self._engine()
        existing = set(inspect(engine).get_table_names())
        done: list[str] = []
        with engine.begin() as connection:
            tables = [model.__table__ for model in self.models]
            new = [table for table in tables if table.name not in existing]
            self.models.Client.metadata.create_all(connection, tables=new)
            done += [f"Made the table {table.name}." for table in new]
            for table in tables:
                if table.name in existing:
                    done += self._complete(connection, table)
        return done

    def _complete(self, connection: Any, table: Any) -> list[str]:
        inspector = inspect(connection)
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        missing = [column for column in table.columns if column.name not in columns]
        quoted = connection.dialect.identifier_preparer.format_table(table)
        for column in missing:
            clause = CreateColumn(_with_default(column, connection.dialect)).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {quoted} ADD COLUMN {clause}")
        done = [f"Added {table.name}.{column.name}." for column in missing]
        indexes = {index["name"] for index in inspect(connection).get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in indexes:
                index.create(connection)
                done.append(f"Made the index {index.name}.")
        return done

    def _engine(self) -> Any:
        return self.db.session.get_bind(mapper=self.models.Client)


def _begins(indexes: list[list[str]], columns: list[str]) -> bool:
    """Whether one of some *indexes* begins with *columns*."""
    return any(index[: len(columns)] == columns for index in indexes)


def _with_default(column: Any, dialect: Any) -> Any:
    """*column*, or a copy with a default of the database, so that rows which exist get a value."""
    default = column.default
    if column.nullable or column.server_default is not None or default is None or not default.is_scalar:
        return column
    value = literal(default.arg, column.type).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    copy = Column(column.name, column.type, nullable=False, server_default=text(str(value)))
    Table(column.table.name, MetaData(), copy)
    return copy
