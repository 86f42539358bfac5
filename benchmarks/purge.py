"""Many dead rows are removed while a provider serves: what its answers take meanwhile.

    python benchmarks/purge.py --rows 10000000 --url postgresql+psycopg://postgres@127.0.0.1/postgres

A gunicorn worker answers a protected view and issues tokens, in turn: without a purge, with the small steps that
requests bring along, one each second, and while ``flask oauth2 purge`` is at it in a process of its own. Told are
the milliseconds of the answers, the rows that were removed each second, and the longest transaction of the purge.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import event, func, select

from benchmarks import rows
from benchmarks.house import Caller, House, database
from benchmarks.serving import HttpClient, serving
from benchmarks.tables import simple

#: Live tokens beside the dead ones.
LIVE = 10_000
#: Seconds between two small steps.
INTERVAL = 1


class Times(NamedTuple):
    """Milliseconds of the answers, by what was asked for."""

    protected: list[float]
    issuance: list[float]


def fill(house: House, count: int) -> None:
    """Half of the dead rows are tokens by themselves, half hang on dead authorizations, four each."""
    alone, families = count // 2, count // 10
    models = house.oauth2.models
    with house.engine.begin() as connection:
        sql = rows.sql_of(connection)
        with rows.bare(connection, [model.__table__ for model in models]):
            person = {"id": "i", "name": sql.joined("'person'", "i"), "is_active": "true"}
            rows.insert(connection, house.User.__table__, person, 100)
            rows.insert(connection, models.Client.__table__, rows.clients(sql, "1"), 100)
            client, user, dead = "(1 + i % 100)", "(1 + i % 100)", "true"
            ended = rows.authorizations(sql, client, user, dead=dead)
            rows.insert(connection, models.Authorization.__table__, ended, families)
            table = models.Token.__table__
            for kind, columns, number in (
                ("dead", rows.tokens(sql, client, user, dead=dead), alone),
                ("family", rows.tokens(sql, client, user, f"(1 + i % {max(1, families)})"), 4 * families),
                ("live", rows.tokens(sql, client, user), LIVE),
            ):
                columns = {**columns, "access_digest": sql.digest(kind)}
                if kind == "family":  # goes with its authorization alone
                    columns |= {"refresh_digest": sql.digest("refresh"), "purge_at": "NULL"}
                rows.insert(connection, table, columns, number)
    rows.analyze(house.engine)


def ask(port: int, secret: str, go_on: Callable[[], bool]) -> Times:
    """Ask in turn for a protected view and a token, as long as it is to go on."""
    caller = Caller(HttpClient(port), None, secret)
    token = caller.issue()
    found = Times([], [])
    while go_on():
        for times, request in ((found.protected, lambda: caller.use(token)), (found.issuance, caller.issue)):
            begun = time.perf_counter()
            request()
            times.append((time.perf_counter() - begun) * 1000)
    return found


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Goes on for so long."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until


class Transactions:
    """How long the transactions of an engine were, in seconds."""

    def __init__(self, engine: Any) -> None:
        self.longest = 0.0
        self.count = 0
        self._begun = 0.0
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "commit", self._end)
        event.listen(engine, "rollback", self._end)

    def _begin(self, _connection: Any) -> None:
        self._begun = time.monotonic()

    def _end(self, _connection: Any) -> None:
        self.longest = max(self.longest, time.monotonic() - self._begun)
        self.count += 1


def purge(url: str, at_most: float) -> None:
    """Remove all that has ended, as the command does, and print what it took as JSON.

    :param at_most: seconds after which the process is content with what it has done.
    """
    house = House(url)
    transactions = Transactions(house.engine)
    removed, begun = [0], time.monotonic()

    def tell() -> None:
        seconds = time.monotonic() - begun
        told = {"rows": removed[0], "seconds": seconds, "transactions": transactions.count}
        print(json.dumps({**told, "longest": transactions.longest}), flush=True)

    class _Enough(Exception):  # noqa: N818
        pass

    def counting(cleanup: Callable[[int], int], limit: int) -> int:
        if time.monotonic() - begun > at_most:
            raise _Enough
        done = cleanup(limit)
        removed[0] += done
        return done

    cleanups = house.server.cleanups
    cleanups[:] = [lambda limit, one=one: counting(one, limit) for one in cleanups]
    with house.app.app_context():
        try:
            house.oauth2.purge()
        except _Enough:
            house.db.session.rollback()
    tell()
    house.close()


def during_purge(url: str, port: int, secret: str, at_most: float) -> tuple[Times, dict[str, Any]]:
    """Ask while another process purges; what that one tells."""
    command = [sys.executable, __file__, "--purge", url, "--at-most", str(at_most)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - itself
        told: list[str] = []
        reader = threading.Thread(target=lambda: told.append(process.stdout.read()))  # type: ignore[union-attr]
        reader.start()
        found = ask(port, secret, lambda: process.poll() is None)
        reader.join()
    if process.returncode:
        raise SystemExit("the purge failed")
    return found, json.loads(told[0])


def left(house: House) -> int:
    """How many tokens there are."""
    with house.app.app_context():
        return int(house.db.session.scalar(select(func.count()).select_from(house.oauth2.models.Token)))


def report(phases: dict[str, Times]) -> str:
    """A simple table of reStructuredText."""
    head = ["\\", "answers", *(f"{kind} {what}" for kind in Times._fields for what in ("p50", "p99", "max"))]
    lines = []
    for name, times in phases.items():
        cells = [name, f"{sum(map(len, times)):,}"]
        for taken in times:
            cuts = statistics.quantiles(taken, n=100) if len(taken) > 1 else taken * 99
            cells += [f"{value:.2f}" for value in (cuts[49], cuts[98], max(taken))]
        lines.append(cells)
    return simple(head, lines)


def run(chosen: argparse.Namespace) -> dict[str, Any]:
    """All three phases; what is to be kept of them."""
    with ExitStack() as stack:
        url = stack.enter_context(database(chosen.url))
        house = House(url)
        stack.callback(house.close)
        house.create()
        begun = time.perf_counter()
        fill(house, chosen.rows)
        house.settle()
        print(f"{chosen.rows:,} dead rows made in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        before = left(house)
        with serving(url, INTERVAL) as server:
            small = ask(server.port, house.secret, for_seconds(chosen.seconds))
        stepped = before + len(small.issuance) + 1 - left(house)
        with serving(url) as server:
            alone = ask(server.port, house.secret, for_seconds(chosen.seconds))
            meanwhile, told = during_purge(url, server.port, house.secret, chosen.at_most)
        phases = {"no purge": alone, "small steps": small, "purge": meanwhile}
        print(report(phases))
        print(f"\nSmall steps removed {stepped:,} tokens in {chosen.seconds:.0f} s.")
        pace = f"{told['rows']:,} rows in {told['seconds']:.1f} s, {told['rows'] / told['seconds']:,.0f} a second"
        longest = f"{told['longest'] * 1000:.0f} ms at most"
        print(f"The purge removed {pace}, in {told['transactions']:,} transactions of {longest}.")
        return {"answers": {name: times._asdict() for name, times in phases.items()}, "purge": told, "steps": stepped}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, purge, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="dead rows")
    parser.add_argument("--seconds", type=float, default=5, help="how long it is measured without the purge")
    parser.add_argument("--at-most", type=float, default=3600, help="seconds after which the purge is ended")
    parser.add_argument("--url", help="any database of a PostgreSQL or MariaDB server; default: a SQLite file")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    parser.add_argument("--purge", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.purge:
        purge(chosen.purge, chosen.at_most)
        return
    told = run(chosen)
    if chosen.json:
        chosen.json.write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
