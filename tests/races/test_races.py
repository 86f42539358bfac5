"""What may happen once happens once, however many want it at the same moment."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert, select

from flask_oauth2server import clock

from ..support import CALLBACK, FORM, Browser, Client, answer_of, bearer, hidden_fields
from . import jobs
from .conftest import Arena
from .crew import EIGHT, PAIR, Race
from .figures import RACES, report


def headers_of(client: Client) -> dict[str, str]:
    """The Basic header of a client."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()}


def told(what: str, arena: Arena, race: Race) -> None:
    """Report a race, in which no app may have failed."""
    report(what, database=arena.kind, seconds=round(race.seconds, 1), statuses=dict(sorted(race.seen.items())))
    assert race.raised == []
    assert race.seen[500] == 0


def assert_one_wins_each(race: Race) -> list[dict[str, str]]:
    """One success for each item, an ``invalid_grant`` for everyone else; the answers of the winners."""
    assert set(race.seen) <= {200, 400, 503}
    answers = []
    for outcomes in race.by_item():
        assert len(outcomes) == EIGHT
        assert Counter(outcome.status for outcome in outcomes) == {200: 1, 400: EIGHT - 1}
        answers += [outcome.found for outcome in outcomes if outcome.status == 200]
        losers = [outcome.found for outcome in outcomes if outcome.status == 400]
        assert {answer["error"] for answer in losers} == {"invalid_grant"}
    assert len(answers) == RACES
    return answers


def test_a_code_is_redeemed_once_and_its_replay_ends_what_it_gave(arena: Arena) -> None:
    client, ada = arena.provider.client(), arena.provider.browser("ada")
    codes = [client.code(ada) for _ in range(RACES)]
    items = [
        {
            "data": {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": CALLBACK,
                "code_verifier": client.verifier,
            },
            "headers": headers_of(client),
        }
        for code in codes
    ]
    tokens = arena.table("Token")
    before = arena.count("Token")
    race = arena.crew.race(jobs.post_token, items)
    told("codes", arena, race)
    answers = assert_one_wins_each(race)
    assert arena.count("Token") - before == RACES
    assert arena.count("Token", tokens.c.client_pk.is_(None)) == 0
    # RFC 6749, 4.1.2: whoever lost has replayed, and what the code gave has ended.
    assert all(arena.is_dead(client, answer) for answer in answers)
    assert client.refresh(answers[0]["refresh_token"]).json["error"] == "invalid_grant"


def test_a_refresh_token_is_used_once_and_its_replay_ends_the_family(arena: Arena) -> None:
    client, ada = arena.provider.client(), arena.provider.browser("ada")
    first = [client.tokens(ada) for _ in range(RACES)]
    items = [
        {
            "data": {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]},
            "headers": headers_of(client),
        }
        for answer in first
    ]
    before = arena.count("Token")
    race = arena.crew.race(jobs.post_token, items)
    told("refresh tokens", arena, race)
    second = assert_one_wins_each(race)
    assert arena.count("Token") - before == RACES
    assert all(arena.is_dead(client, answer) for answer in [*first, *second])
    assert client.refresh(second[0]["refresh_token"]).json["error"] == "invalid_grant"


def page_of(ada: Browser, client: Client, **changes: str) -> dict[str, Any]:
    """A consent page that ada has open, its form filled in, as a request with her cookies."""
    page = ada.visit(client.address(prompt="consent", **changes))
    assert page.status_code == 200, page.text
    cookie = ada.http.get_cookie("session")
    sent = {
        "data": urlencode([*hidden_fields(page).items(), ("confirm", "yes")]),
        "content_type": FORM,
        "headers": {"Cookie": f"session={cookie.value}"},
    }
    return {"path": page.request.full_path, "sent": sent}


def test_a_consent_form_posted_eight_times_gives_one_code(arena: Arena) -> None:
    client, ada = arena.provider.client(), arena.provider.browser("ada")
    client.tokens(ada)
    items = [page_of(ada, client) for _ in range(RACES)]
    authorizations, grants = arena.count("Authorization"), arena.count("Grant")
    race = arena.crew.race(jobs.answer_page, items)
    told("consent tickets", arena, race)
    assert set(race.seen) <= {200, 303, 503}
    for outcomes in race.by_item():
        assert Counter(outcome.status for outcome in outcomes) == {303: 1, 200: EIGHT - 1}
        (winner,) = (outcome for outcome in outcomes if outcome.status == 303)
        assert winner.found.startswith(f"{CALLBACK}?code=")
        # Everyone else has the page again, with a ticket of its own.
        assert all('name="ticket"' in outcome.found for outcome in outcomes if outcome.status == 200)
    assert arena.count("Authorization") - authorizations == RACES
    assert arena.count("Grant") - grants == RACES


def test_nothing_lives_after_a_revocation_that_raced_with_refreshes(arena: Arena) -> None:
    client, ada = arena.provider.client(), arena.provider.browser("ada")
    first = [client.tokens(ada) for _ in range(RACES)]
    items = [
        {
            "refresh_token": answer["refresh_token"],
            "revoked": answer["refresh_token" if number % 2 else "access_token"],
            "headers": headers_of(client),
            "rounds": 4,
            "within": (0, 0.01, 0.03, 0.1)[number % 4],
        }
        for number, answer in enumerate(first)
    ]
    race = arena.crew.race(jobs.refresh_or_revoke, items, PAIR)
    assert set(race.seen) <= {200, 400, 503}
    gained = [outcome.found for outcomes in race.by_item() for outcome in outcomes if outcome.place == 0]
    report(
        "refreshes before the revocation", database=arena.kind, rounds=dict(sorted(Counter(map(len, gained)).items()))
    )
    told("revocations", arena, race)
    assert len(gained) == RACES
    revocations = [outcome for outcome in race.outcomes if outcome.place == 1]
    assert {outcome.status for outcome in revocations} == {200}
    for answer, later in zip(first, gained, strict=True):
        assert all(arena.is_dead(client, tokens) for tokens in [answer, *later])
        newest = [answer, *later][-1]["refresh_token"]
        assert client.refresh(newest).json["error"] == "invalid_grant"


def test_signing_out_while_it_refreshes_ends_what_it_gained(arena: Arena) -> None:
    client = arena.provider.client(scopes=["openid", "email"])
    people = [arena.provider.browser("ada") for _ in range(RACES)]
    first = [client.tokens(ada, scope="openid email") for ada in people]
    items = [
        {
            "refresh_token": answer["refresh_token"],
            "session": {"Cookie": f"session={ada.http.get_cookie('session').value}"},
            "headers": headers_of(client),
            "rounds": 4,
            "within": (0, 0.01, 0.03, 0.1)[number % 4],
        }
        for number, (ada, answer) in enumerate(zip(people, first, strict=True))
    ]
    race = arena.crew.race(jobs.refresh_or_sign_out, items, PAIR)
    told("sign-outs", arena, race)
    gained = [outcome.found for outcomes in race.by_item() for outcome in outcomes if outcome.place == 0]
    report("refreshes before the sign-out", database=arena.kind, rounds=dict(sorted(Counter(map(len, gained)).items())))
    for answer, later in zip(first, gained, strict=True):
        assert all(arena.is_dead(client, tokens) for tokens in [answer, *later])
        assert client.refresh([answer, *later][-1]["refresh_token"]).json["error"] == "invalid_grant"


def test_signing_in_to_a_client_while_signing_out_leaves_nothing(arena: Arena) -> None:
    client = arena.provider.client(scopes=["openid"])
    people = [arena.provider.browser("ada") for _ in range(RACES)]
    for ada in people:
        client.tokens(ada, scope="openid")
    items = [
        {
            "path": client.address(scope="openid"),
            "session": {"Cookie": f"session={ada.http.get_cookie('session').value}"},
            "rounds": 4,
            "within": (0, 0.01, 0.03)[number % 3],
        }
        for number, ada in enumerate(people)
    ]
    race = arena.crew.race(jobs.sign_in_or_out, items, PAIR)
    told("sign-ins beside sign-outs", arena, race)
    assert set(race.seen) <= {200, 302, 503}
    authorizations = arena.table("Authorization")
    granted = arena.count("Authorization", authorizations.c.sid.is_not(None), authorizations.c.offline.is_(False))
    report("granted beside sign-outs", database=arena.kind, rows=granted - RACES)
    assert arena.count("Authorization", authorizations.c.offline.is_(False), authorizations.c.revoked_at.is_(None)) == 0


def test_a_client_deleted_while_it_refreshes_leaves_nothing(arena: Arena) -> None:
    ada = arena.provider.browser("ada")
    clients = [arena.provider.client() for _ in range(RACES)]
    first = [client.tokens(ada) for client in clients]
    items = [
        {
            "refresh_token": answer["refresh_token"],
            "client_id": client.client_id,
            "headers": headers_of(client),
            "rounds": 4,
            "within": (0, 0.01, 0.03)[number % 3],
        }
        for number, (client, answer) in enumerate(zip(clients, first, strict=True))
    ]
    before = {name: arena.count(name) for name in ("Client", "Authorization", "Consent")}
    race = arena.crew.race(jobs.refresh_or_delete, items, PAIR)
    told("deleted clients", arena, race)
    # Whoever comes too late is told that the token, or the client itself, is not known.
    assert set(race.seen) <= {200, 400, 401, 503, jobs.DELETED}
    assert {outcome.status for outcome in race.outcomes if outcome.place == 1} == {jobs.DELETED}
    assert {name: before[name] - arena.count(name) for name in before} == dict.fromkeys(before, RACES)
    api = arena.provider.api()
    gained = [answer for outcome in race.outcomes for answer in outcome.found]
    for answer in [*first, *gained]:
        assert api.get("/oauth/ping/", headers=bearer(answer["access_token"])).status_code == 401
    tokens, clients_left = arena.table("Token"), arena.table("Client")
    assert arena.count("Token", tokens.c.client_pk.not_in(select(clients_left.c.id))) == 0


def test_two_tabs_that_answer_first_both_get_a_code_and_leave_one_consent(arena: Arena) -> None:
    ada = arena.provider.browser("ada")
    clients = [arena.provider.client() for _ in range(RACES)]
    items = [[page_of(ada, client, scope="email"), page_of(ada, client, scope="profile")] for client in clients]
    before = arena.count("Consent")
    race = arena.crew.race(jobs.answer_own_page, items, PAIR)
    told("first consents in two tabs", arena, race)
    assert set(race.seen) <= {303, 503}
    assert all(outcome.found.startswith(f"{CALLBACK}?code=") for outcome in race.outcomes)
    assert len(race.outcomes) == PAIR * RACES
    assert arena.count("Consent") - before == RACES
    # What each tab agreed to is remembered: nobody is asked for either again.
    for client in clients:
        assert "code" in answer_of(ada.visit(client.address(scope="email profile")))


def test_two_tabs_that_answer_again_forget_nothing(arena: Arena) -> None:
    ada = arena.provider.browser("ada")
    clients = [arena.provider.client() for _ in range(RACES)]
    for client in clients:
        client.code(ada, scopes=("notes",), scope="notes")
    items = [[page_of(ada, client, scope="email"), page_of(ada, client, scope="profile")] for client in clients]
    race = arena.crew.race(jobs.answer_own_page, items, PAIR)
    told("further consents in two tabs", arena, race)
    assert set(race.seen) <= {303, 503}
    asked_again = [
        client for client in clients if ada.visit(client.address(scope="email profile notes")).status_code == 200
    ]
    report("consents forgotten", database=arena.kind, count=len(asked_again))
    assert asked_again == []


def test_clean_ups_at_the_same_time_leave_issuance_alone(arena: Arena) -> None:
    client = arena.provider.client(grant_types=["client_credentials"], redirect_uris=[])
    live = arena.provider.client().tokens(arena.provider.browser("ada"))
    ended_rows(arena, 4 * RACES)
    past = clock.now()
    ended = {name: arena.table(name).c for name in ("Token", "Authorization", "Replay")}
    assert arena.count("Token", ended["Token"].purge_at < past) == 4 * RACES
    sent = {"data": {"grant_type": "client_credentials", "scope": "email"}, "headers": headers_of(client)}
    race = arena.crew.race(jobs.issue_or_purge, [{"sent": sent, "rounds": 2}] * RACES)
    told("clean-ups beside issuance", arena, race)
    assert set(race.seen) <= {200, 503}
    values = [value for outcome in race.outcomes for value in outcome.found]
    assert len(set(values)) == 2 * EIGHT * RACES
    assert arena.count("Token", ended["Token"].purge_at < past) == 0
    assert arena.count("Authorization", ended["Authorization"].purge_at < past) == 0
    assert arena.count("Replay", ended["Replay"].expires_at < past) == 0
    api = arena.provider.api()
    assert {api.get("/oauth/ping/", headers=bearer(value)).status_code for value in values[::7]} == {200}
    assert api.get("/oauth/ping/", headers=bearer(live["access_token"])).status_code == 200


def ended_rows(arena: Arena, number: int) -> None:
    """Rows that ended long ago: authorizations with a token each, tokens of clients, replays."""
    long_ago = clock.now() - timedelta(days=9)
    with arena.provider.app.app_context():
        session = arena.provider.db.session
        client_pk = session.scalar(arena.table("Client").select().with_only_columns(arena.table("Client").c.id))
        user_id = arena.provider.user("ada").id
        for row in range(number):
            times = {"expires_at": long_ago, "purge_at": long_ago}
            result = session.execute(
                insert(arena.table("Authorization")).values(
                    public_id=f"ended{row}", scope="email", client_pk=client_pk, user_id=user_id, **times
                )
            )
            authorization = result.inserted_primary_key[0]
            common = {"client_pk": client_pk, "scope": "email", "expires_at": long_ago}
            session.execute(
                insert(arena.table("Token")).values(
                    access_digest=f"a{row}", refresh_digest=f"r{row}", authorization_id=authorization, **common
                )
            )
            session.execute(insert(arena.table("Token")).values(access_digest=f"c{row}", purge_at=long_ago, **common))
            session.execute(
                insert(arena.table("Replay")).values(namespace="test", digest=f"d{row}", expires_at=long_ago)
            )
        session.commit()
