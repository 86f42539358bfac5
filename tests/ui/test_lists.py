"""Lists that page and are searched beyond 25 rows, on each database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import clock
from flask_oauth2server.domain import applications
from flask_oauth2server.domain.sessions import Authentication

from ..support import Browser, Provider, answer_of
from .pages import HOME, SECURITY, later, names, parse, press, row, words

SECTIONS = ("authorised", "tokens", "mine")


def fill(provider: Provider, names: Sequence[str], sections: Sequence[str] = SECTIONS, user: str = "ada") -> None:
    """Give somebody applications that they allowed, personal tokens and applications of their own, of these names;
    of those allowed, the first is the one used last."""
    with provider.app.app_context():
        server, owner = provider.app.extensions["oauth2server"], provider.user(user)
        table = provider.oauth2.models.Authorization.__table__
        for number, name in enumerate(names):
            values: dict[str, Any] = {"redirect_uris": ["https://client.example/cb"], "scopes": ["email"]}
            mine = owner if "mine" in sections else None
            if "tokens" in sections:
                provider.oauth2.create_personal_token(owner, name=name, scopes=["email"], commit=False)
            if sections != ["tokens"]:
                client, _ = provider.oauth2.create_client(name=name, owner=mine, commit=False, **values)
            if "authorised" in sections:
                info = server.storage.clients.info(client.client_id)
                granted = server.authorizations.grant(info, owner.id, ["email"], Authentication("s", None))
                used = clock.now() - timedelta(minutes=number + 1)
                provider.db.session.execute(table.update().where(table.c.id == granted.pk).values(last_used_at=used))
        provider.db.session.commit()


def things(count: int) -> list[str]:
    """So many names."""
    return [f"Thing {number:03}" for number in range(count)]


def link(page: Any, text: str, section: str) -> str | None:
    """Where Previous or Next leads; None: nowhere."""
    found = [a for a in parse(page).one("section", id=section).all("a") if a.text == text]
    return found[0].attributes["href"] if found else None


def everything(ada: Browser, section: str, address: str = HOME) -> list[str]:
    """All names of a list, from page to page."""
    page, found = ada.visit(address), []
    while True:
        found += names(page, section)
        onward = link(page, "Next", section)
        if onward is None:
            return found
        assert onward.endswith(f"#{section}")
        page = ada.visit(onward.partition("#")[0])


QUERIES = {
    "50%": ["50% off"],
    "snake_": ["snake_case"],
    "back\\": ["back\\slash"],
    "%": ["50% off"],
    "it's “so” <B>": ["It's “so” <b>bold</b>"],
    "tHING 05": ["Thing 050", "Thing 051", "Thing 052", "Thing 053"],
    "'; DROP TABLE oauth2_client; --": [],
}
SPECIAL = ["50% off", "50 per cent off", "snake_case", "snakes case", "back\\slash", "It's “so” <b>bold</b>"]


def test_lists_page_and_are_searched(any_provider: Provider) -> None:
    """Each list is another person's, so that a page has one."""
    with any_provider.app.app_context():
        any_provider.db.session.add(any_provider.User(name="cy"))
        any_provider.db.session.commit()
    for section, user in zip(SECTIONS, ("ada", "bob", "cy"), strict=True):
        fill(any_provider, [*things(54), *SPECIAL], [section], user)
    for section, user in zip(SECTIONS, ("ada", "bob", "cy"), strict=True):
        browser = any_provider.browser(user)
        page = browser.visit(HOME)
        assert "1 to 25 of 60" in parse(page).one("section", id=section).text
        assert link(page, "Previous", section) is None
        expected = [*things(54), *SPECIAL]
        assert everything(browser, section) == (expected if section == "authorised" else expected[::-1])
        for query, found in QUERIES.items():
            answer = press(browser, page, "Search", at=f"#{section}", **{f"{section}_q": query})
            assert sorted(names(answer, section)) == found, (section, query)
            assert ("Nothing matches" in words(answer)) is (not found)
        assert [names(page, other) for other in SECTIONS if other != section] == [[], []]


def test_a_search_in_one_list_leaves_the_others(provider: Provider, ada: Browser) -> None:
    fill(provider, things(26))
    page = press(ada, ada.visit(HOME), "Search", at="#tokens", tokens_q="007")
    assert [len(names(page, section)) for section in SECTIONS] == [25, 1, 25]


def test_my_applications_are_found_by_their_id(provider: Provider, ada: Browser) -> None:
    fill(provider, things(2), ["mine"])
    (_, second) = [code.text for code in parse(ada.visit(HOME)).one("section", id="mine").all("code")]
    assert names(ada.visit(f"{HOME}?mine_q={second[5:30]}"), "mine") == ["Thing 000"]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_search_without_result_says_so_and_is_cleared(provider: Provider, ada: Browser, section: str) -> None:
    fill(provider, things(2))
    assert parse(ada.visit(HOME)).all("form", role="search") == []
    page = ada.visit(f"{HOME}?{section}_q=nothing+<i>like</i>+this")
    assert "Nothing matches “nothing <i>like</i> this”." in words(page)
    assert "No app can use your account" not in words(page)
    (clear,) = [a for a in parse(page).one("section", id=section).all("a") if a.text == "Clear"]
    assert clear.attributes["href"] == f"{HOME}#{section}"


def test_a_search_pages_too(provider: Provider, ada: Browser) -> None:
    fill(provider, things(30), ["authorised"])
    page = ada.visit(f"{HOME}?authorised_q=Thing")
    onward = link(page, "Next", "authorised")
    assert onward == f"{HOME}?authorised_q=Thing&authorised_page=2#authorised"
    page = ada.visit(f"{HOME}?authorised_q=Thing&authorised_page=2")
    assert "26 to 30 of 30" in words(page)
    assert link(page, "Previous", "authorised") == f"{HOME}?authorised_q=Thing#authorised"


def test_25_rows_need_neither(provider: Provider, ada: Browser) -> None:
    fill(provider, things(25))
    page = ada.visit(HOME)
    assert [len(names(page, section)) for section in SECTIONS] == [25, 25, 25]
    assert parse(page).all("form", role="search") == []
    assert parse(page).all("nav", class_="o2-paging") == []


NINES = "9" * 30
ODD = ("0", "-1", "x", "", "1.5", "２", "3", "99999", f"000000001{NINES}", NINES, "9" * 5000, f"000000001{'9' * 5000}")


def test_a_page_number_out_of_range_is_a_page(any_provider: Provider) -> None:
    fill(any_provider, things(26), ["tokens"])
    ada = any_provider.browser("ada")
    shown = []
    for number in ODD:
        page = ada.visit(f"{HOME}?tokens_page={number}")
        assert page.status_code == 200, number
        shown.append(len(names(page, "tokens")))
    assert shown == [25, 25, 25, 25, 25, 25, 1, 1, 25, 25, 25, 25]


@pytest.mark.parametrize("section", SECTIONS)
def test_an_empty_list_has_one_page(ada: Browser, section: str) -> None:
    page = ada.visit(f"{HOME}?{section}_page=7&{section}_q=")
    assert (page.status_code, names(page, section)) == (200, [])


def test_odd_queries_are_harmless(any_provider: Provider) -> None:
    fill(any_provider, things(1))
    ada = any_provider.browser("ada")
    for query in (
        "%00",
        "%C3%A9",
        "%F0%9F%A6%8A",
        "x" * 3000,
        "%25%25%25",
        "_",
        "%5C",
        "%5C%25",
        "+",
        "a&authorised_q=b",
    ):
        for section in SECTIONS:
            assert ada.visit(f"{HOME}?{section}_q={query}").status_code == 200


def test_the_last_used_stands_first(any_provider: Provider) -> None:
    """What was never used stands where it was allowed."""
    ada = any_provider.browser("ada")
    clients = [any_provider.client(name=name) for name in ("First", "Second", "Third")]
    for hours, client in enumerate(clients):
        with later(hours=hours):
            answer_of(ada.allow(client.address()))
    assert names(ada.visit(HOME), "authorised") == ["Third", "Second", "First"]
    with later(hours=5):
        clients[0].tokens(ada)
    with later(hours=4):
        clients[1].tokens(ada)
    with later(hours=6):
        assert names(ada.visit(HOME), "authorised") == ["First", "Second", "Third"]
        ada.allow(any_provider.client(name="Newest").address())
        assert names(ada.visit(HOME), "authorised")[0] == "Newest"


def test_with_many_authorizations_nothing_that_can_act_is_missing(
    any_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applications, "MOST", 5)
    monkeypatch.setattr(applications, "EACH", 2)
    ada, table = any_provider.browser("ada"), any_provider.oauth2.models.Authorization.__table__
    fill(any_provider, ["Busy", "Old", "Older", "Gone", "Dead"], ["authorised"])
    with any_provider.app.app_context():
        server, key = any_provider.app.extensions["oauth2server"], any_provider.user("ada").id
        known = {client.name: client for client in any_provider.oauth2.list_clients(limit=10)}
        for _ in range(6):
            info = server.storage.clients.info(known["Busy"].client_id)
            server.authorizations.grant(info, key, ["notes"], Authentication("s", None))
        dead = table.update().where(table.c.client_pk.in_([known["Gone"].id, known["Dead"].id]))
        any_provider.db.session.execute(dead.values(live_until=clock.now()))
        any_provider.db.session.commit()
    page = ada.visit(HOME)
    assert names(page, "authorised") == ["Busy", "Old", "Older"]
    assert "more than 2 devices" in row(page, "Busy").text
    assert "and more" in row(page, "Busy").text
    assert "It loses your account at once on every device." in row(page, "Busy").text
    assert "1 device " in row(page, "Old").text
    assert "last used 2 minutes ago" in row(page, "Old").text
    assert names(ada.visit(f"{HOME}?authorised_q=OLD"), "authorised") == ["Old", "Older"]


def test_of_very_many_applications_the_search_finds_all(
    any_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are listed are the first of them, and the page says so."""
    monkeypatch.setattr(applications, "MOST", 27)
    ada = any_provider.browser("ada")
    fill(any_provider, things(30), ["authorised"])
    with any_provider.app.app_context():
        server, models = any_provider.app.extensions["oauth2server"], any_provider.oauth2.models
        key = any_provider.user("ada").id
        for client in any_provider.oauth2.list_clients(limit=100):
            kept = {"scope": "email", "declined": "", "redirect_hosts": []}
            server.storage.consents.record(key, client.id, None, **kept)
        any_provider.db.session.execute(models.Authorization.__table__.delete())
        any_provider.db.session.commit()
    page = ada.visit(HOME)
    assert "Authorised applications more than 27" in words(page)
    assert "1 to 25 of more than 27" in words(page)
    listed = everything(ada, "authorised")
    assert len(listed) == len(set(listed)) == 27
    assert len(names(ada.visit(f"{HOME}?authorised_page=9"), "authorised")) == 2
    for name in things(30):
        assert names(ada.visit(f"{HOME}?authorised_q={name}"), "authorised") == [name]


def test_events_page_in_both_directions(provider: Provider) -> None:
    fill(provider, things(60), ["tokens"])
    ada, seen = provider.browser("ada"), []
    page = ada.visit(SECURITY)
    pages = [page]
    while onward := [a.attributes["href"] for a in parse(page).all("a") if a.text == "Next"]:
        page = ada.visit(onward[0])
        pages.append(page)
    for page in pages:
        seen += [event.text for event in parse(page).all(class_="o2-event")]
    assert [len(parse(page).all(class_="o2-event")) for page in pages] == [25, 25, 10]
    assert len(seen) == len(set(seen)) == 60
    assert seen[0].startswith("The personal token Thing 059 was made for you.")
    assert seen[-1].startswith("The personal token Thing 000 was made for you.")
    for earlier in reversed(pages[:-1]):
        (back,) = [a.attributes["href"] for a in parse(page).all("a") if a.text == "Previous"]
        page = ada.visit(back)
        texts = [[e.text for e in parse(p).all(class_="o2-event")] for p in (page, earlier)]
        assert texts[0] == texts[1]
    for odd in ("-1", "x", "9" * 18, "9" * 40, "２"):
        assert len(parse(ada.visit(f"{SECURITY}?before={odd}")).all(class_="o2-event")) == 25
    assert ada.visit(f"{SECURITY}?before=0").headers["Location"] == SECURITY  # nothing is older
