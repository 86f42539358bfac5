"""What memory a worker takes after many requests of all kinds.

    python benchmarks/memory.py --requests 1000000
    python benchmarks/memory.py --in-process --requests 20000

A gunicorn worker is asked for everything in turn: protected views, refused tokens and clients that do not exist,
tokens by every grant, introspection, revocation, documents, pages. Told is its resident memory as the requests go by,
and by how much it grows per 100,000 of them once the first tenth is over. ``--in-process`` tells which lines of the
package hold more than before instead.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.house import HOME, Caller, House, database
from benchmarks.serving import HttpClient, serving

#: Requests are counted as growth beyond this part of them.
SETTLED = 0.1


def requests(caller: Caller) -> Iterator[int]:
    """Ask for one thing after the other, without an end; tells how many requests that were.

    What strangers make up is different each time: whatever is kept by it grows.
    """
    tokens = caller.flow()
    for number in itertools.count():
        made_up = f"made-up-{number}"
        refused = {"Authorization": f"Bearer o2a_{number:043}"}
        for _ in range(5):
            caller.use(tokens["access_token"])
        yield 5
        _closed(caller.api.get("/api/me", headers=refused), 401)
        address = caller.address("x" * 43).replace("state=s", f"state={made_up}")
        _closed(caller.api.get(address.replace(caller.client_id, made_up)), 400)
        _closed(caller.api.get(f"/oauth/{made_up}"), 404)
        _closed(caller.api.post("/oauth/token", data={"grant_type": made_up, "client_id": made_up}), 400, 401)
        _closed(caller.api.get("/api/me", headers={**refused, "X-Forwarded-For": f"198.51.{number % 65536}.1"}), 401)
        yield 5
        caller.post("/oauth/introspect", token=caller.issue())
        caller.post("/oauth/revoke", token=caller.issue())
        caller.post("/oauth/introspect", token=made_up)
        yield 5
        _closed(caller.api.get("/.well-known/oauth-authorization-server"), 200)
        yield 1
        if number % 5 == 0:
            tokens = caller.flow()
            yield 2
        else:
            tokens = caller.refresh(tokens["refresh_token"])
            yield 1
        if number % 20 == 0:
            for path in (HOME, f"{HOME}?tokens_q={made_up}", f"{HOME}security/", f"/admin/oauth2/clients/?q={made_up}"):
                caller.page(path)
            yield 4
        if number % 50 == 0:  # or the pages of the user would grow longer
            caller.post("/oauth/revoke", token=tokens["refresh_token"])
            tokens = caller.flow()
            yield 3


def _closed(answer: Any, *statuses: int) -> None:
    answer.close()
    assert answer.status_code in statuses, (answer.status_code, answer.text)


def sampled(caller: Caller, many: int, each: int, look: Callable[[], int]) -> list[tuple[int, int]]:
    """Ask *many* times; how many were asked, and what *look* sees then, before the first and after *each* of them."""
    found, done, due = [(0, look())], 0, each
    for asked in requests(caller):
        done += asked
        if done >= due:
            found.append((done, look()))
            due += each
        if done >= many:
            return found
    raise AssertionError("unreachable")


def slope(found: Sequence[tuple[int, int]]) -> float:
    """By how much it grows per 100,000 requests, by least squares over what comes after the first part."""
    settled = [(x, y) for x, y in found if x >= SETTLED * found[-1][0]]
    mean_x = sum(x for x, _ in settled) / len(settled)
    mean_y = sum(y for _, y in settled) / len(settled)
    spread = sum((x - mean_x) ** 2 for x, _ in settled)
    return 100_000 * sum((x - mean_x) * (y - mean_y) for x, y in settled) / spread if spread else 0.0


def table(found: Sequence[tuple[int, int]], most: int = 20) -> str:
    """A simple table of reStructuredText, of *most* samples about."""
    chosen = found[:: -(-len(found) // most)]
    rule = "==========  ========"
    lines = [f"{asked:<10,}  {seen / 1024:8.1f}" for asked, seen in chosen]
    return "\n".join([rule, "requests    RSS, MiB", rule, *lines, rule])


def in_process(house: House, many: int) -> str:
    """The lines that hold more than before, in two halves: what grows in both goes on growing."""
    going = requests(house)

    def go(count: int) -> None:
        done = 0
        while done < count:
            done += next(going)
        gc.collect()

    go(many // 4)
    tracemalloc.start()
    shots = [tracemalloc.take_snapshot()]
    for _ in range(2):
        go(many * 3 // 8)
        shots.append(tracemalloc.take_snapshot())
    tracemalloc.stop()
    own = [tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__)]
    shots = [shot.filter_traces(own) for shot in shots]
    told = []
    for name, before, after in (("first half", *shots[:2]), ("second half", *shots[1:])):
        differences = after.compare_to(before, "lineno")
        told.append(f"{name}: {sum(one.size_diff for one in differences) / 1024:+,.1f} KiB in all")
        for one in differences[:12]:
            frame = one.traceback[0]
            told.append(f"  {one.size_diff / 1024:+10.1f} KiB {one.count_diff:+7} {frame.filename}:{frame.lineno}")
    return "\n".join(told)


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000, help="so many in all")
    parser.add_argument("--each", type=int, help="so often memory is looked at; default: 10,000, or a tenth of them")
    parser.add_argument("--in-process", action="store_true", help="no server: tell which lines hold more than before")
    parser.add_argument("--url", help="any database of a PostgreSQL or MariaDB server; default: a SQLite file")
    parser.add_argument("--json", type=Path, help="write the samples to this file, in KiB")
    chosen = parser.parse_args(arguments)
    with database(chosen.url) as url:
        house = House(url, OAUTH2_PURGE_INTERVAL=1)
        house.create()
        house.settle()
        if chosen.in_process:
            print(in_process(house, chosen.requests))
            house.close()
            return
        house.close()
        each = chosen.each or min(10_000, max(1, chosen.requests // 10))
        with serving(url, 1) as server:
            caller = Caller(HttpClient(server.port), HttpClient(server.port, cookies=True), house.secret)
            caller.sign_in()
            found = sampled(caller, chosen.requests, each, server.resident)
    print(table(found))
    print(f"\nPer 100,000 requests after the first tenth: {slope(found) / 1024:+.2f} MiB.")
    if chosen.json:
        chosen.json.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
