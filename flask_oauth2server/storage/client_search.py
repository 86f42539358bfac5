"""The list of all clients: searched by the beginning of a term, filtered, paged by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, exists, func, insert, literal, or_, select, union_all

from .. import clock
from .base import Queries

#: Beyond every term that begins with what stands before it.
_LAST = "\U0010ffff"
#: So many terms are looked at for each client that is counted: one that many of its own terms lead to is one.
_TERMS_LOOKED_AT = 3


@dataclass(frozen=True, slots=True)
class Sought:
    """What clients are looked for; None: whatever it is.

    :ivar prefixes: beginnings of terms, one of which a client has; empty: all clients.
    :ivar owners: keys of users whose clients match, too.
    """

    prefixes: tuple[str, ...] = ()
    owners: tuple[Any, ...] = ()
    confidential: bool | None = None
    verified: bool | None = None
    disabled: bool | None = None


class Place(NamedTuple):
    """Where a client stands in what was found.

    :ivar part: 0: found by *term*; 1: found by its owner, or not searched for.
    """

    part: int
    pk: int
    term: str = ""


class ClientSearch(Queries):
    """Queries for many clients at once."""

    def put_terms(self, client_pk: int, terms: Sequence[str]) -> None:
        """Let a client be found by *terms*, instead of those it had."""
        table = self.models.ClientTerm.__table__
        self.changed(delete(table).where(table.c.client_pk == client_pk))
        self.add_terms({client_pk: terms})

    def add_terms(self, terms: Mapping[int, Sequence[str]]) -> None:
        """Let clients that had no terms be found by them."""
        rows = [{"client_pk": client_pk, "term": term} for client_pk, found in terms.items() for term in found]
        connection = self.db.session.connection(bind_arguments=self._bind())
        connection.execute(insert(self.models.ClientTerm.__table__), rows)

    def without_terms(self, after: int, limit: int) -> list[Any]:
        """Key, name, id and metadata of at most *limit* clients that no term leads to, in order of keys;
        they are held until the unit ends."""
        client, term = self.models.Client.__table__, self.models.ClientTerm.__table__
        known = exists().where(term.c.client_pk == client.c.id)
        statement = select(client.c["id", "name", "client_id", "client_metadata"]).where(client.c.id > after, ~known)
        return self.all(statement.order_by(client.c.id).limit(limit).with_for_update())

    def places(self, sought: Sought, start: Place | None, limit: int, *, backwards: bool = False) -> list[Place]:
        """At most *limit* places in their order, or in the reverse one: first what terms lead to, by
        term, then what owners have, the newest first.

        :param start: begin behind this place; None: with the first one, or the last one.
        """
        parts = [part for part in (0, 1) if self._has(sought, part)]
        found: list[Place] = []
        for part in reversed(parts) if backwards else parts:
            if start is not None and (part > start.part if backwards else part < start.part):
                continue
            behind = start if start is not None and start.part == part else None
            statement = self._ordered(sought, part, behind, backwards).limit(limit - len(found))
            found += [Place(part, row.pk, row.term) for row in self.all(statement)]
            if len(found) == limit:
                break
        return found

    def count(self, sought: Sought, most: int) -> tuple[int, bool]:
        """How many clients match, *most* at the most; and whether there are more than that."""
        count, more = self._count_met(sought, most) if self._has(sought, 0) else (0, False)
        if not more and self._has(sought, 1):
            count += self.counted(self._part(sought, 1), most - count)
        return min(count, most), more or count > most

    def _count_met(self, sought: Sought, most: int) -> tuple[int, bool]:
        """The same of those that terms lead to: so many of the terms are looked at, in the order of the index."""
        client, term = self.models.Client.__table__, self.models.ClientTerm.__table__
        looked_at = _TERMS_LOOKED_AT * (most + 1)
        met = select(term.c.client_pk).where(_begin(term, sought.prefixes)).order_by(term.c.term, term.c.client_pk)
        filters = self._filters(sought)
        if filters:
            met = met.join(client, client.c.id == term.c.client_pk).where(*filters)
        met_first = met.limit(looked_at).subquery()
        counts = select(func.count(met_first.c.client_pk.distinct()), func.count()).select_from(met_first)
        clients, terms = self.one(counts)
        return int(clients), terms == looked_at or clients > most

    def models_of(self, pks: Sequence[int]) -> list[Any]:
        """The models of clients, in the order of *pks*; one that is gone is left out."""
        model = self.models.Client
        by_pk = {found.id: found for found in self.db.session.scalars(select(model).where(model.id.in_(list(pks))))}
        return [by_pk[pk] for pk in pks if pk in by_pk]

    def people(self, pks: Sequence[int], most: int) -> dict[int, tuple[int, bool]]:
        """How many people each of some clients can act for, and whether there may be more; one query.

        So many as *most* authorizations of each that can be used are looked at.
        """
        table = self.models.Authorization.__table__
        usable = table.c.user_id.is_not(None) & table.c.revoked_at.is_(None) & (table.c.live_until > clock.now())
        counts = []
        for pk in pks:
            theirs = select(table.c.user_id).where(table.c.client_pk == pk, usable).limit(most + 1).subquery()
            people = func.count(theirs.c.user_id.distinct()).label("people")
            counts.append(
                select(literal(pk, table.c.client_pk.type).label("pk"), people, func.count().label("rows")).select_from(
                    theirs
                )
            )
        found = self.all(union_all(*counts)) if counts else []
        return {pk: (min(people, most), rows > most) for pk, people, rows in found}

    def last_used(self, pks: Sequence[int]) -> dict[int, datetime]:
        """When each of some clients was given its latest token, if it has one; one query."""
        table = self.models.Token.__table__
        latest = []
        for pk in pks:
            theirs = select(table.c.created_at).where(table.c.client_pk == pk)
            last = theirs.order_by(table.c.client_pk, table.c.id.desc()).limit(1).subquery()
            latest.append(select(literal(pk, table.c.client_pk.type).label("pk"), last.c.created_at))
        return {row.pk: row.created_at for row in self.all(union_all(*latest))} if latest else {}

    @staticmethod
    def _has(sought: Sought, part: int) -> bool:
        return bool(sought.prefixes) if part == 0 else bool(sought.owners) or not sought.prefixes

    def _part(self, sought: Sought, part: int) -> Any:
        """The clients of one part as ``pk`` and ``term``, each once."""
        client, term = self.models.Client.__table__, self.models.ClientTerm.__table__
        filters = self._filters(sought)
        if part == 0:
            # Of several terms of a client the first one counts, on whatever page it stands.
            first = ~self._is_met(sought, term.c.client_pk, before=term)
            statement = select(term.c.client_pk.label("pk"), term.c.term).where(_begin(term, sought.prefixes), first)
            return statement.join(client, client.c.id == term.c.client_pk).where(*filters) if filters else statement
        statement = select(client.c.id.label("pk"), literal("").label("term")).where(*filters)
        if sought.prefixes:
            not_met = ~self._is_met(sought, client.c.id)
            statement = statement.where(client.c.user_id.in_(sought.owners), not_met)
        return statement

    def _ordered(self, sought: Sought, part: int, behind: Place | None, backwards: bool) -> Any:
        statement = self._part(sought, part)
        if part == 1:
            pk = self.models.Client.__table__.c.id
            if behind is not None:
                statement = statement.where(pk > behind.pk if backwards else pk < behind.pk)
            return statement.order_by(pk if backwards else pk.desc())
        term, pk = self.models.ClientTerm.__table__.c["term", "client_pk"]
        if behind is None:
            pass
        # Said so that an index finds the beginning on all databases; MariaDB takes no pairs for that.
        elif backwards:
            statement = statement.where(term <= behind.term, or_(term < behind.term, pk < behind.pk))
        else:
            statement = statement.where(term >= behind.term, or_(term > behind.term, pk > behind.pk))
        return statement.order_by(term.desc(), pk.desc()) if backwards else statement.order_by(term, pk)

    def _is_met(self, sought: Sought, client_pk: Any, before: Any = None) -> Any:
        """Whether a term leads to a client; or one that stands *before* another one."""
        term = self.models.ClientTerm.__table__.alias("earlier")
        met = exists().where(term.c.client_pk == client_pk, _begin(term, sought.prefixes))
        if before is None:
            return met
        same = and_(term.c.term == before.c.term, term.c.id < before.c.id)
        return met.where(or_(term.c.term < before.c.term, same))

    def _filters(self, sought: Sought) -> list[Any]:
        client = self.models.Client.__table__
        filters = []
        # Not IS, for which MariaDB uses no index.
        if sought.confidential is not None:
            filters.append(client.c.is_confidential == literal(sought.confidential))
        if sought.verified is not None:
            filters.append(client.c.verified == literal(sought.verified))
        if sought.disabled is not None:
            ended = client.c.disabled_at
            filters.append(ended.is_not(None) if sought.disabled else ended.is_(None))
        return filters


def _begin(term: Any, prefixes: Sequence[str]) -> Any:
    """A range of the ordered column: LIKE would not be looked up in the index on every database."""
    return or_(*(and_(term.c.term >= prefix, term.c.term < prefix + _LAST) for prefix in prefixes))
