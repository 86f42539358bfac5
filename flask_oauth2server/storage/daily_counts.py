"""How often things happened on a day, in all and for each client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from .. import clock
from .base import Queries

#: Stands for all clients together, and for refusals where no client is known.
ALL = 0


class Counted(NamedTuple):
    """What is counted: a day, a name, and the key of a client or :data:`ALL`."""

    day: date
    name: str
    client_pk: int


class DailyCounts(Queries):
    """Queries for counts."""

    def add(self, counts: Mapping[Counted, int]) -> None:
        """Count on; always in one order, so that no two transactions wait for each other."""
        table = self.models.DailyCount.__table__
        rows = [{**what._asdict(), "count": counts[what]} for what in sorted(counts)]
        dialect = self.db.session.get_bind(mapper=self.models.DailyCount).dialect.name
        statement: Any
        if dialect in ("mysql", "mariadb"):
            statement = mysql.insert(table).values(rows)
            statement = statement.on_duplicate_key_update(count=table.c["count"] + statement.inserted["count"])
        else:
            statement = (postgresql if dialect == "postgresql" else sqlite).insert(table).values(rows)
            statement = statement.on_conflict_do_update(
                index_elements=["day", "name", "client_pk"],
                set_={"count": table.c["count"] + statement.excluded["count"]},
            )
        self.changed(statement)

    def range(self, names: Sequence[str], days: int, client_pk: int = ALL) -> dict[str, dict[date, int]]:
        """The counts of the last *days*, today among them, by name and day; days without are left out."""
        table = self.models.DailyCount.__table__
        since = clock.now().date() - timedelta(days=days - 1)
        statement = select(table.c["name", "day", "count"]).where(
            table.c.client_pk == client_pk, table.c.name.in_(list(names)), table.c.day >= since
        )
        found: dict[str, dict[date, int]] = {name: {} for name in names}
        for row in self.all(statement):
            found[row.name][row.day] = int(row[2])
        return found

    def per_client(self, name: str, client_pks: Sequence[int], days: int) -> dict[int, int]:
        """The sum over the last *days* for each of some clients; those without are left out."""
        table = self.models.DailyCount.__table__
        since = clock.now().date() - timedelta(days=days - 1)
        statement = (
            select(table.c.client_pk, func.sum(table.c["count"]).label("times"))
            .where(table.c.client_pk.in_(list(client_pks)), table.c.name == name, table.c.day >= since)
            .group_by(table.c.client_pk)
        )
        return {row.client_pk: int(row.times) for row in self.all(statement)}

    def top(self, prefix: str, day: date, limit: int) -> list[tuple[str, int, int]]:
        """The greatest counts of a day whose names begin with *prefix*, as (rest of the name, client key
        or 0, times)."""
        table = self.models.DailyCount.__table__
        statement = (
            select(table.c["name", "client_pk", "count"])
            .where(table.c.day == day, table.c.name >= prefix, table.c.name < f"{prefix}\x7f")
            .order_by(table.c["count"].desc(), table.c.id)
            .limit(limit)
        )
        return [(row.name.removeprefix(prefix), row.client_pk, int(row[2])) for row in self.all(statement)]

    def of_client(self, prefix: str, client_pk: int, days: int) -> list[tuple[str, int]]:
        """What is counted for a client under names that begin with *prefix*, over the last *days*, as (rest of
        the name, times), the most frequent first."""
        table = self.models.DailyCount.__table__
        since = clock.now().date() - timedelta(days=days - 1)
        times = func.sum(table.c["count"])
        statement = (
            select(table.c.name, times.label("times"))
            .where(table.c.client_pk == client_pk, table.c.day >= since)
            .where(table.c.name >= prefix, table.c.name < f"{prefix}\x7f")
            .group_by(table.c.name)
            .order_by(times.desc(), table.c.name)
        )
        return [(row.name.removeprefix(prefix), int(row.times)) for row in self.all(statement)]

    def purge(self, kept: int, limit: int) -> int:
        """Remove at most *limit* counts of days that were kept for *kept* seconds."""
        table = self.models.DailyCount.__table__
        oldest = (clock.now() - timedelta(seconds=kept)).date()
        return self.delete_some(table, table.c.day < oldest, table.c.day, limit)
