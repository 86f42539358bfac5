"""Refreshes at the same moment, where a grace forgives them."""

from __future__ import annotations

from . import jobs
from .conftest import Arena
from .crew import EIGHT
from .figures import RACES, report
from .test_races import headers_of, told

OVERRIDES = {"OAUTH2_REFRESH_GRACE": 60}


def test_within_the_grace_everyone_gets_a_successor_and_a_replay_after_it_ends_them_all(arena: Arena) -> None:
    client, ada = arena.provider.client(), arena.provider.browser("ada")
    first = [client.tokens(ada) for _ in range(max(4, RACES // 4))]
    items = [
        {
            "data": {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]},
            "headers": headers_of(client),
        }
        for answer in first
    ]
    race = arena.crew.race(jobs.post_token, items)
    told("refreshes within the grace", arena, race)
    assert set(race.seen) <= {200, 503}
    for answer, outcomes in zip(first, race.by_item(), strict=True):
        successors = [outcome.found for outcome in outcomes]
        assert len({tokens["refresh_token"] for tokens in successors}) == EIGHT
        # Once a successor was used, nobody may come with the first one again.
        third = client.refresh(successors[0]["refresh_token"])
        assert third.status_code == 200
        assert client.refresh(answer["refresh_token"]).json["error"] == "invalid_grant"
        assert all(arena.is_dead(client, tokens) for tokens in [answer, *successors, third.json])
    report("families ended after the grace", database=arena.kind, families=len(first))
