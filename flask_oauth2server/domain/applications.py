"""The applications that can act for a person, as that person's page lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..storage import Storage

#: So many authorizations of a person are looked at, and so many applications listed. Who has more authorizations is
#: shown those of each application on the page, up to the second number.
MOST, EACH = 1_000, 25


@dataclass(frozen=True)
class Application:
    """One that can act for a person, or would be let in without a question.

    :ivar client: the model.
    :ivar authorizations: rows of those that can be used, the last used first; ``many``: there are more.
    :ivar consent: a row of what was agreed to, or None.
    """

    client: Any
    authorizations: Sequence[Any]
    many: bool
    consent: Any

    @property
    def _granted(self) -> Sequence[Any]:
        return [*self.authorizations, self.consent] if self.consent else self.authorizations

    @property
    def scopes(self) -> set[str]:
        """What it may do."""
        return {scope for row in self._granted for scope in row.scope.split()}

    @property
    def claims(self) -> set[str]:
        """What it is told of the person beyond what the scopes ask for."""
        told = {name for row in self.authorizations for name in (row.claims or {}).get("extra", ())}
        return told.union((self.consent and self.consent.claims) or ())

    @property
    def ends_with_session(self) -> bool:
        """Whether all of its authorizations end when the person signs out."""
        return bool(self.authorizations) and not any(row.offline for row in self.authorizations)

    @property
    def last_used_at(self) -> datetime | None:
        """None: never."""
        return _last_used_at(self.authorizations)

    @property
    def allowed_at(self) -> datetime:
        """When it was first allowed."""
        return _allowed_at(self._granted)

    @property
    def more_allowed_at(self) -> datetime | None:
        """When more was agreed to, on a later day; or None."""
        more = self.consent.updated_at if self.consent else None
        return more if more and more.date() != self.allowed_at.date() else None

    @property
    def expires_at(self) -> datetime | None:
        """When the last of its authorizations ends, or None."""
        return max((row.expires_at for row in self.authorizations), default=None)


class Applications:
    """Lists them."""

    def __init__(self, storage: Storage) -> None:
        self._queries = storage.applications

    def page(self, user: Any, query: str, offset: int, limit: int) -> tuple[list[Application], int]:
        """A page of those whose name contains *query*, the last used first; and how many there are:
        ``MOST`` + 1 means that there are more than ``MOST``."""
        queries = self._queries
        rows, found = queries.usable(user, limit=MOST + 1), dict[int, list[Any]]()
        for row in rows:
            found.setdefault(row.client_pk, []).append(row)
        has_more = len(rows) > MOST
        # Nothing that can act may be missing, however long ago it was allowed.
        times = queries.others(user, found, MOST + 1) if has_more else {}
        times.update({key: _last_used_at(some) or _allowed_at(some) for key, some in found.items()})
        can_act = set(times)
        if query and times:
            named = queries.named(times, query)
            times = {key: at for key, at in times.items() if key in named}
        consents = {row.client_pk: row for row in queries.consents(user, query, limit=MOST + 1)}
        for key, consent in consents.items():
            times.setdefault(key, consent.updated_at)
        keys = sorted(times, key=lambda key: (times[key], key), reverse=True)
        shown = keys[:MOST][offset : offset + limit]
        if has_more:
            found = {key: queries.usable(user, key, limit=EACH + 1) for key in shown if key in can_act}
        if len(consents) > MOST:
            consents.update({row.client_pk: row for row in queries.consents(user, "", among=shown, limit=limit)})
        clients = queries.models_of(shown)
        page = [
            _application(clients[key], found.get(key, []), consents.get(key), has_more)
            for key in shown
            if key in clients and (found.get(key) or key in consents)  # which may have ended at this moment
        ]
        return page, min(len(keys), MOST + 1)


def _application(client: Any, rows: list[Any], consent: Any, is_cut: bool) -> Application:
    first_to_last = (rows[:EACH] if is_cut else rows)[::-1]  # which is the order of those used at one moment
    kept = sorted(first_to_last, key=lambda row: row.last_used_at or row.created_at, reverse=True)
    return Application(client, kept, len(kept) < len(rows), consent)


def _last_used_at(rows: Sequence[Any]) -> datetime | None:
    return max((row.last_used_at for row in rows if row.last_used_at), default=None)


def _allowed_at(rows: Sequence[Any]) -> datetime:
    first: datetime = min(row.created_at for row in rows)
    return first
