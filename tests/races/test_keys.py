"""The first key of an algorithm, and the salt of pairwise names: wanted by all, made once."""

from __future__ import annotations

from collections import Counter

from flask_oauth2server import jose

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
