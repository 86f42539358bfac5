"""What each operation costs as tables grow: tokens, clients, one user's authorizations and consents, a refresh chain,
the audit.

    python benchmarks/growth.py --sizes 1000 10000 100000 1000000 --rounds 100
    python benchmarks/growth.py --of chain --chain 10 100 1000 10000 --url postgresql+psycopg://postgres@127.0.0.1/postgres

One kind of row grows at a time; for each number of them a database is made, and all of them are asked in turn, in
this process. Told are medians and p90 in milliseconds; a median that is more than 1.25 of the first is marked ``!``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import update

from benchmarks import rows
from benchmarks.house import HOME, House, database
from benchmarks.tables import simple
from flask_oauth2server.domain import tokens

#: More than so many times the first median is not flat.
FLAT = 1.25
#: Rows of what does not grow, and rounds that are not counted.
FEW, WARMING = 100, 3
#: A quarter of the authorizations of each client has ended.
DEAD = "i * 7 % 11 % 4 = 0"
#: The public id of an authorization whose chain of refresh tokens grows, and its last refresh token.
CHAIN = "chain"


class Step(NamedTuple):
    """What is measured: what is done before, and what is timed; it gets what was made before."""

    before: Callable[[House], Any]
    timed: Callable[[House, Any], Any]


def fill(house: House, grown: str, count: int) -> None:
    """Make *count* rows of what grows, and a few of the others; of the first user, where it is one user's."""
    many = {kind: count if kind == grown else FEW for kind in KINDS}
    clients = max(many["clients"], many["consents"])
    models = house.oauth2.models
    with house.engine.begin() as connection:
        sql = rows.sql_of(connection)
        client, user = f"(1 + i * 7919 % {clients})", f"(2 + i * 31 % {FEW})"
        with rows.bare(connection, [model.__table__ for model in models]):
            # The first one of all: what its key is does not depend on how the database counts.
            chain_of = {**rows.authorizations(sql, "1", "1", dead="false"), "public_id": f"'{CHAIN}'"}
            rows.insert(connection, models.Authorization.__table__, chain_of, 1)
            person = {"id": "i", "name": sql.joined("'person'", "i"), "is_active": "true"}
            rows.insert(connection, house.User.__table__, person, FEW + 2)
            for model, columns, number in (
                ("Client", rows.clients(sql, user), clients),
                ("ClientSecret", rows.secrets(sql), clients),
                ("ClientTerm", rows.terms(sql), clients),
                ("Authorization", rows.authorizations(sql, client, "1", dead=DEAD), many["authorizations"]),
                ("Token", rows.tokens(sql, client, user), many["tokens"]),
                ("Consent", rows.consents(sql, "i", "1"), many["consents"]),
                ("AuditEvent", rows.events(sql, client, "(1 + i % 10)"), many["audit"]),
            ):
                rows.insert(connection, getattr(models, model).__table__, columns, number)
            columns = rows.chain(sql, "1", "1", "1", many["chain"])
            rows.insert(connection, models.Token.__table__, columns, many["chain"])
    rows.analyze(house.engine)
    house.settle()
    _give_chain(house, 1, many["chain"])


def _give_chain(house: House, pk: int, length: int) -> None:
    """Let the chain be the client's own, and its last refresh token be known."""
    with house.app.app_context():
        models, value = house.oauth2.models, house.server.values.make(tokens.REFRESH)
        client, token = house.oauth2.get_client(house.client_id), models.Token.__table__
        of_chain = token.c.authorization_id == pk
        statement = update(models.Authorization.__table__).where(models.Authorization.__table__.c.id == pk)
        house.db.session.execute(statement.values(client_pk=client.id))
        house.db.session.execute(update(token).where(of_chain).values(client_pk=client.id))
        last = update(token).where(of_chain, token.c.generation == length - 1)
        house.db.session.execute(last.values(refresh_digest=tokens.digest(value)))
        house.db.session.commit()
    house.kept = {"refresh": value, "access": house.issue()}


def _refreshed(house: House, _: Any) -> None:
    house.kept["refresh"] = house.refresh(house.kept["refresh"])["refresh_token"]


def _revive(house: House) -> None:
    """The authorization of the chain is good once more, so that it can be revoked again."""
    table = house.oauth2.models.Authorization.__table__
    with house.app.app_context():
        house.db.session.execute(update(table).where(table.c.public_id == CHAIN).values(revoked_at=None))
        house.db.session.commit()


def _revoke_chain(house: House, _: Any) -> None:
    with house.app.app_context():
        assert house.oauth2.revoke_authorization(CHAIN)


def _has_consented(house: House, _: Any) -> None:
    with house.app.app_context():
        assert house.server.storage.consents.find(1, 1) is not None


def _dead(house: House) -> None:
    """A hundred tokens that may be removed."""
    house.kept["dead"] = house.kept.get("dead", 0) + 1
    table = house.oauth2.models.Token.__table__
    with house.engine.begin() as connection:
        sql = rows.sql_of(connection)
        columns = rows.tokens(sql, "1", "1", dead="true")
        rows.insert(connection, table, {**columns, "access_digest": sql.digest(f"dead {house.kept['dead']}")}, 100)


def _purge(house: House, _: Any) -> None:
    with house.app.app_context():
        removed = house.server.storage.unit.run(lambda: house.server.storage.tokens.purge(100))
        assert removed == 100, removed


def _nothing(_: House) -> None:
    return None


#: What is asked of each database; what ends the chain comes last.
OPERATIONS = {
    "protected view": Step(_nothing, lambda house, _: house.use(house.kept["access"])),
    "client credentials": Step(_nothing, lambda house, _: house.issue()),
    "code flow": Step(_nothing, lambda house, _: house.flow()),
    "refresh": Step(_nothing, _refreshed),
    "introspection": Step(_nothing, lambda house, _: house.post("/oauth/introspect", token=house.kept["access"])),
    "revoke a token": Step(House.issue, lambda house, token: house.post("/oauth/revoke", token=token)),
    "consent check": Step(_nothing, _has_consented),
    "user's applications": Step(_nothing, lambda house, _: house.page()),
    "user's events": Step(_nothing, lambda house, _: house.page(f"{HOME}security/")),
    "audit page": Step(_nothing, lambda house, _: house.page("/admin/oauth2/audit/")),
    "purge of 100 tokens": Step(_dead, _purge),
    "revoke an authorization": Step(_revive, _revoke_chain),
}

#: What grows, and what a row of it is.
KINDS = {
    "tokens": "tokens of many clients and users",
    "clients": "clients",
    "authorizations": "authorizations of the user who asks",
    "chain": "refresh tokens of the authorization that is refreshed and revoked",
    "consents": "consents of the user who asks, and as many clients",
    "audit": "audit events, a tenth of them of the user who asks",
}


class Cell(NamedTuple):
    """Milliseconds."""

    median: float
    p90: float


def measure(houses: Sequence[House], rounds: int) -> dict[str, list[Cell]]:
    """Each operation on each database, in turn, so that what else the machine does meets them alike."""
    found: dict[str, list[Cell]] = {}
    for name, step in OPERATIONS.items():
        taken: list[list[float]] = [[] for _ in houses]
        for _ in range(rounds + WARMING):
            for times, house in zip(taken, houses, strict=True):
                made = step.before(house)
                begun = time.perf_counter()
                step.timed(house, made)
                times.append((time.perf_counter() - begun) * 1000)
        found[name] = [_cell(times[WARMING:]) for times in taken]
    return found


def _cell(times: Sequence[float]) -> Cell:
    p90 = statistics.quantiles(times, n=10)[-1] if len(times) > 1 else times[0]
    return Cell(round(statistics.median(times), 3), round(p90, 3))


def is_flat(cells: Sequence[Cell], cell: Cell) -> bool:
    """Whether *cell* costs what the first one does."""
    return cell.median <= FLAT * cells[0].median


def table(sizes: Sequence[int], found: dict[str, list[Cell]]) -> str:
    """A simple table of reStructuredText."""
    head = ["operation", *(f"{size:,}" for size in sizes)]
    lines = [
        [name, *(f"{cell.median:.2f} ({cell.p90:.2f}){'' if is_flat(cells, cell) else ' !'}" for cell in cells)]
        for name, cells in found.items()
    ]
    return simple(head, lines)


def grown(kind: str, sizes: Sequence[int], rounds: int, server: str | None) -> dict[str, list[Cell]]:
    """Make a database of each size, measure, and remove them."""
    with ExitStack() as stack:
        houses = []
        for size in sizes:
            house = House(stack.enter_context(database(server)))
            stack.callback(house.close)
            house.create()
            begun = time.perf_counter()
            fill(house, kind, size)
            print(f"{kind}: {size:,} made in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
            houses.append(house)
        return measure(houses, rounds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", nargs="+", choices=list(KINDS), default=list(KINDS), help="what grows")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000], help="numbers of rows")
    parser.add_argument("--chain", type=int, nargs="+", default=[10, 100, 1_000], help="the same of a refresh chain")
    parser.add_argument("--rounds", type=int, default=20, help="so often each operation is asked for")
    parser.add_argument("--url", help="any database of a PostgreSQL or MariaDB server; default: SQLite files")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    chosen = parser.parse_args(arguments)
    told = {}
    for kind in chosen.of:
        sizes = chosen.chain if kind == "chain" else chosen.sizes
        found = grown(kind, sizes, chosen.rounds, chosen.url)
        print(f"\n{KINDS[kind]}\n\n{table(sizes, found)}")
        told[kind] = {"sizes": sizes, "milliseconds": {n: [c._asdict() for c in cells] for n, cells in found.items()}}
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
