"""The cache by itself: what it keeps, for how long, how much of it, and what it never keeps."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import clock
from flask_oauth2server.domain.bearer import TokenInfo
from flask_oauth2server.domain.token_cache import HIT, MISS, Moment, TokenCache
from flask_oauth2server.errors import TokenRefused
from flask_oauth2server.reasons import Reason
from flask_oauth2server.storage.changes import ALL, AUTHORIZATION, CLIENT, TOKEN, USER, mark

SECONDS, SIZE = 30, 20


@dataclass
class Table:
    """Stands where the database does: tokens by their values, and how often it was asked."""

    rows: dict[str, TokenInfo] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: float = 1000.0
    #: Runs between a row being read and its answer.
    meanwhile: Callable[[], None] | None = None
    moment: Callable[[], Moment | None] | None = None

    def find(self, value: str) -> TokenInfo | None:
        self.asked.append(value)
        row = self.rows.get(value)
        if self.meanwhile is not None:
            self.meanwhile()
        if value.startswith("bad"):
            refused = TokenRefused(Reason("token_revoked", f"{value} is revoked"))
            refused.client_id = "reader"
            raise refused
        return row

    def add(self, value: str, pk: int, **values: Any) -> TokenInfo:
        now = clock.now()
        row = TokenInfo(
            **{
                "client_id": "reader",
                "client_pk": 1,
                "user_id": "ada",
                "scopes": ("email",),
                "expires_at": now + timedelta(hours=1),
                "issued_at": now,
                "pk": pk,
                **values,
            }
        )
        self.rows[value] = row
        return row


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def cache(table: Table) -> TokenCache:
    def moment() -> Moment | None:
        return made.now() if table.moment is None else table.moment()

    made = TokenCache(
        table.find,
        lambda value: not value.startswith("garbage"),
        moment,
        seconds=SECONDS,
        size=SIZE,
        timer=lambda: table.now,
    )
    return made


def refusal(cache: TokenCache, value: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        cache.find(value)
    return caught.value


# --- what is kept, and for how long ---------------------------------------------------------------


def test_a_token_is_asked_for_once(table: Table, cache: TokenCache) -> None:
    token = table.add("one", 1)
    assert [cache.find("one") for _ in range(3)] == [token] * 3
    assert table.asked == ["one"]


def test_a_value_is_not_kept(table: Table, cache: TokenCache) -> None:
    table.add("a secret value", 1)
    cache.find("a secret value")
    refusal(cache, "bad value")
    assert len(cache) == 2
    kept = repr([(key, entry.token) for key, entry in cache._good.items()]) + repr(list(cache._refused))
    assert "secret value" not in kept and "bad value" not in kept


@pytest.mark.parametrize(("seconds", "asked"), [(SECONDS - 0.01, 1), (SECONDS, 2)])
def test_an_entry_lives_so_many_seconds(table: Table, cache: TokenCache, seconds: float, asked: int) -> None:
    table.add("one", 1)
    cache.find("one")
    assert cache.find("none") is None
    table.now += seconds
    cache.find("one")
    assert cache.find("none") is None
    assert table.asked == ["one", "none"] * asked


def test_hits_do_not_prolong_it(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)
    for _ in range(SECONDS + 1):
        cache.find("one")
        table.now += 1
    assert len(table.asked) == 2


@pytest.mark.parametrize("what", ["expires_at", "good_until"])
def test_an_entry_does_not_outlive_what_it_is_about(
    table: Table, cache: TokenCache, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``good_until`` is the end of the authorization, where that comes first."""
    start = clock.timestamp()
    table.add("one", 1, **{what: clock.now() + timedelta(seconds=5)})
    for seconds, asked in ((0, 1), (3.9, 1), (5, 2), (6, 3)):
        monkeypatch.setattr(clock, "timestamp", lambda seconds=seconds: start + seconds)
        cache.find("one")
        assert len(table.asked) == asked


def test_a_refusal_is_kept_with_its_reason(table: Table, cache: TokenCache) -> None:
    first, second = refusal(cache, "bad"), refusal(cache, "bad")
    assert table.asked == ["bad"]
    assert first is not second
    assert (second.detail, second.client_id) == ("bad is revoked", "reader")
    assert second.detail.cause == "token_revoked"  # type: ignore[attr-defined]


def test_garbage_is_not_kept(table: Table, cache: TokenCache) -> None:
    assert cache.find("garbage") is None
    assert len(cache) == 0


def test_what_is_in_no_table_of_ours_is_not_kept(table: Table, cache: TokenCache) -> None:
    """Nothing would tell of its end."""
    table.add("foreign", None)  # type: ignore[arg-type]
    cache.find("foreign")
    assert len(cache) == 0


def test_what_may_stand_for_nobody_else_is_not_kept(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)
    table.moment = lambda: None
    cache.find("one")
    refusal(cache, "bad")
    assert len(cache) == 0


def test_age_is_counted_from_when_the_transaction_began(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)
    began = cache.now()
    table.moment = lambda: began
    table.now += SECONDS - 1
    cache.find("one")
    cache.find("one")
    table.now += 1
    cache.find("one")
    assert len(table.asked) == 2


# --- bounds ---------------------------------------------------------------------------------------


def test_there_are_so_many_at_most_and_the_oldest_one_goes(table: Table, cache: TokenCache) -> None:
    for number in range(SIZE + 5):
        table.add(f"token {number}", number)
        cache.find(f"token {number}")
    assert len(cache) == SIZE
    table.asked.clear()
    for number in (SIZE + 4, 5, 4):
        cache.find(f"token {number}")
    assert table.asked == ["token 4"]


def test_made_up_values_push_no_good_one_out(table: Table, cache: TokenCache) -> None:
    for number in range(SIZE):
        table.add(f"token {number}", number)
        cache.find(f"token {number}")
    for number in range(1000):
        assert cache.find(f"made up {number}") is None
    assert len(cache) == SIZE + SIZE // 10
    table.asked.clear()
    for number in range(SIZE):
        cache.find(f"token {number}")
    assert table.asked == []


def test_what_is_over_is_given_back(table: Table, cache: TokenCache) -> None:
    for number in range(SIZE):
        table.add(f"token {number}", number)
        cache.find(f"token {number}")
    table.now += SECONDS
    cache.find("token 0")
    assert len(cache) == 1
    assert set(cache._marked) == {"token:0"}


def test_the_index_is_as_large_as_what_it_finds(table: Table, cache: TokenCache) -> None:
    chance = random.Random(7)
    for step in range(3000):
        number = chance.randrange(60)
        table.add(f"token {number}", number, authorization_pk=number // 3)
        cache.find(f"token {number}")
        table.now += chance.choice([0, 0, 5])
        if step % 5 == 0:
            cache.forget([mark(chance.choice([TOKEN, AUTHORIZATION]), chance.randrange(60))])
    found = {name for entry in cache._good.values() for name in entry.marks if not name.startswith(("client", "user"))}
    assert set(cache._marked) == found
    assert {key for keys in cache._marked.values() for key in keys} == set(cache._good)
    cache.forget([ALL])
    assert not cache._marked and len(cache) == 0


# --- forgetting -----------------------------------------------------------------------------------

ONE = {"authorization_pk": 5, "client_pk": 3, "user_id": "ada", "client_owner": "bob"}
OTHER = {"authorization_pk": 6, "client_pk": 4, "user_id": "eve", "client_owner": "mallory"}


@pytest.mark.parametrize(
    ("told", "remain"),
    [
        (mark(TOKEN, 1), ["other"]),
        (mark(AUTHORIZATION, 5), ["other"]),
        (mark(CLIENT, 3), ["other"]),
        (mark(USER, "ada"), ["other"]),
        (mark(USER, "bob"), ["other"]),
        (ALL, []),
        (mark(TOKEN, 5), ["one", "other"]),
        (mark(AUTHORIZATION, 1), ["one", "other"]),
        (mark(CLIENT, 1), ["one", "other"]),
        ("what nobody knows", ["one", "other"]),
    ],
)
def test_what_is_told_of_is_forgotten(table: Table, cache: TokenCache, told: str, remain: list[str]) -> None:
    table.add("one", 1, **ONE)
    table.add("other", 2, **OTHER)
    cache.find("one"), cache.find("other")
    cache.forget([told])
    table.asked.clear()
    cache.find("one"), cache.find("other")
    assert [value for value in ("one", "other") if value not in table.asked] == remain


@pytest.mark.parametrize(
    ("told", "again"), [(mark(TOKEN, 1), False), (mark(CLIENT, 3), True), (mark(USER, "x"), True), (ALL, True)]
)
def test_who_may_be_let_in_again_is_asked_for_again(table: Table, cache: TokenCache, told: str, again: bool) -> None:
    """A client that is enabled, a user who is activated; a token that was revoked never comes back."""
    refusal(cache, "bad")
    cache.forget([told])
    refusal(cache, "bad")
    assert (len(table.asked) == 2) is again


def test_many_are_forgotten_at_once(table: Table, cache: TokenCache) -> None:
    for number in range(6):
        table.add(f"token {number}", number, authorization_pk=number // 2)
        cache.find(f"token {number}")
    cache.forget([mark(TOKEN, 0), mark(AUTHORIZATION, 1)])
    assert sorted(entry.token.pk for entry in cache._good.values()) == [1, 4, 5]  # type: ignore[type-var]


@pytest.mark.parametrize("value", ["one", "bad"])
def test_what_was_read_before_a_change_is_not_kept_after_it(table: Table, cache: TokenCache, value: str) -> None:
    """The row is read, then it is revoked and all is forgotten, then the answer comes: too late."""
    table.add("one", 1)

    def end() -> None:
        cache.forget([mark(TOKEN, 1)])

    table.meanwhile = end
    if value == "bad":
        refusal(cache, "bad")
    else:
        assert cache.find("one") is not None
    assert len(cache) == 0
    table.meanwhile = None
    if value == "one":
        cache.find("one"), cache.find("one")
        assert len(table.asked) == 2


def test_a_transaction_that_began_before_a_change_keeps_nothing_after_it(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)
    began = cache.now()
    cache.forget([mark(TOKEN, 77)])
    table.moment = lambda: began
    cache.find("one")
    assert len(cache) == 0


# --- trust ----------------------------------------------------------------------------------------


def test_nothing_is_believed_longer_than_it_may_be(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)
    cache.trusted_until = table.now + 1
    cache.find("one"), cache.find("one")
    assert len(table.asked) == 1
    table.now += 1
    cache.find("one"), cache.find("one")
    refusal(cache, "bad"), refusal(cache, "bad")
    assert table.asked == ["one", "one", "one", "bad", "bad"]


def test_what_is_looked_up_meanwhile_is_not_kept(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)
    cache.distrust()
    cache.find("one")
    refusal(cache, "bad")
    assert len(cache) == 0


def test_to_distrust_is_to_forget(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)
    cache.find("one")
    cache.distrust()
    assert len(cache) == 0


def test_what_began_before_the_distrust_is_not_kept_after_it(table: Table, cache: TokenCache) -> None:
    table.add("one", 1)

    def lost_and_found() -> None:
        cache.distrust()
        cache.trusted_until = table.now + 1

    table.meanwhile = lost_and_found
    cache.find("one")
    assert len(cache) == 0


# --- what else it does ----------------------------------------------------------------------------


def test_hits_and_misses_are_told(table: Table, cache: TokenCache) -> None:
    counted: list[str] = []
    cache.count = counted.append
    table.add("one", 1)
    for value in ("one", "one", "none", "none", "garbage"):
        cache.find(value)
    assert counted == [MISS, HIT, MISS, HIT]


def test_it_learns_that_a_use_is_written_down(table: Table, cache: TokenCache) -> None:
    token = table.add("one", 1)
    table.add("other", 2)
    cache.find("one"), cache.find("other")
    cache.note_use(token, "203.0.113.9")
    used, other = cache.find("one"), cache.find("other")
    assert used is not None and other is not None
    assert (used.last_used_at, used.last_used_from) == (clock.now(), "203.0.113.9")
    assert other.last_used_at is None
    assert used._replace(last_used_at=None, last_used_from=None) == token


def test_it_learns_nothing_of_what_it_does_not_keep(table: Table, cache: TokenCache) -> None:
    cache.note_use(table.add("one", 1), None)
    assert len(cache) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # the child does next to nothing
def test_a_forked_process_begins_empty(table: Table, cache: TokenCache) -> None:
    """Even where it is forked while a thread holds the lock."""
    table.add("one", 1)
    cache.find("one")
    with cache._lock:
        child = os.fork()
        if child == 0:
            try:
                empty = len(cache) == 0 and cache._lock.acquire(timeout=5)
                os._exit(0 if empty else 1)
            finally:
                os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(cache) == 1


def test_threads_get_along(table: Table, cache: TokenCache) -> None:
    """Finding, forgetting and noting by eight threads: nothing is raised, nothing is lost, bounds hold."""
    for number in range(40):
        table.add(f"token {number}", number, authorization_pk=number % 7)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(3000):
                number = chance.randrange(40)
                found = cache.find(f"token {number}")
                assert found is not None and found.pk == number
                if chance.random() < 0.1:
                    kinds = [(TOKEN, number), (AUTHORIZATION, number % 7), (CLIENT, 1)]
                    cache.forget([mark(*chance.choice(kinds))])
                if chance.random() < 0.1:
                    cache.note_use(found, None)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(cache) <= SIZE
    assert {key for keys in cache._marked.values() for key in keys} == set(cache._good)
