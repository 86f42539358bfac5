"""The first key of an algorithm: wanted by all, made once; and the next one, which one of many administrators takes."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import delete

from flask_oauth2server import jose
from flask_oauth2server.domain.key_facts import mark

from . import jobs
from .conftest import Arena
from .crew import EIGHT
from .figures import report


def test_the_first_key_made_by_eight_processes_is_one(arena: Arena) -> None:
    race = arena.crew.race(jobs.make_key, jose.ALGORITHMS)
    report("first keys", database=arena.kind, statuses=dict(sorted(race.seen.items())))
    assert race.raised == []
    kids = [{outcome.found for outcome in outcomes} for outcomes in race.by_item()]
    assert [len(found) for found in kids] == [1] * len(jose.ALGORITHMS)
    assert all(len(outcomes) == EIGHT for outcomes in race.by_item())
    with arena.provider.app.app_context():
        made = Counter(key.alg for key in arena.provider.app.extensions["oauth2server"].keys.overview())
    assert made == Counter(jose.ALGORITHMS)


@pytest.mark.parametrize("waits", [False, True], ids=["none waits", "one waits"])
def test_of_eight_administrators_who_rotate_one_does(arena: Arena, waits: bool) -> None:
    """Whether the next key waits or is made: nobody replaces a key that they have not seen."""
    items = []
    with arena.provider.app.app_context():
        server = arena.provider.app.extensions["oauth2server"]
        server.storage.unit.run(lambda: arena.provider.db.session.execute(delete(arena.table("SigningKey"))))
        for alg in jose.ALGORITHMS:
            for _ in range(1 + waits):
                server.keys.rotate(alg)
            signs, *other = (key.kid for key in server.keys.overview() if key.alg == alg)
            items.append({"alg": alg, "seen": mark(signs, other[0] if waits else None)})
    race = arena.crew.race(jobs.rotate_key, items)
    report(f"keys rotated, waits={waits}", database=arena.kind, statuses=dict(sorted(race.seen.items())))
    assert race.raised == []
    assert [sum(bool(outcome.found) for outcome in outcomes) for outcomes in race.by_item()] == [1] * len(items)
    with arena.provider.app.app_context():
        states = Counter((key.alg, key.state) for key in server.keys.overview())
    assert states == Counter({(alg, state): 1 for alg in jose.ALGORITHMS for state in ("retired", "active")})
