"""How often something was refused, counted also where no row of it was kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import func, select

from .base import Queries
from .daily_counts import ALL

_PREFIX = "refused:"


class Refusals(Queries):
    """Queries for sums of daily counts."""

    def times(
        self, causes: Collection[str], client_pks: Collection[int | None], since: date
    ) -> dict[tuple[str, int], int]:
        """Sums by cause and key of a client; 0 where none is known."""
        table = self.models.DailyCount.__table__
        statement = (
            select(table.c.name, table.c.client_pk, func.sum(table.c["count"]).label("times"))
            .where(
                table.c.day >= since,
                table.c.name.in_([f"{_PREFIX}{cause}" for cause in causes]),
                table.c.client_pk.in_([pk or ALL for pk in client_pks]),
            )
            .group_by(table.c.name, table.c.client_pk)
        )
        return {(row.name.removeprefix(_PREFIX), row.client_pk): int(row.times) for row in self.all(statement)}
