"""Lists that page and are searched beyond 25 rows, on each database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import clock

from ..support import Browser, Provider, answer_of
from .pages import HOME, SECURITY, later, names, parse, press, words

SECTIONS = ("authorised", "tokens", "mine")


def fill(provider: Provider, count: int = 60, *extra: str) -> None:
    """Give ada so many applications that she allowed, personal tokens and applications of her own; the first is
    the one used last."""
    with provider.app.app_context():
        server, user = provider.app.extensions["oauth2server"], provider.user("ada")
        key = user.id
        for number, name in enumerate([f"Thing {n:03}" for n in range(count)] + list(extra)):
            values: dict[str, Any] = {"redirect_uris": ["https://client.example/cb"], "scopes": ["email"]}
            client, _ = provider.oauth2.create_client(name=name, owner=user, commit=False, **values)
            info = server.storage.clients.info(client.client_id)
            granted = server.authorizations.grant(info, key, ["email"], sid="s", auth_time=None)
            table = provider.oauth2.models.Authorization.__table__
            used = clock.now() - timedelta(minutes=number + 1)
            provider.db.session.execute(table.update().where(table.c.id == granted.pk).values(last_used_at=used))
            provider.oauth2.create_personal_token(user, name=name, scopes=["email"], commit=False)
        provider.db.session.commit()


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


def test_lists_page_and_are_searched(any_provider: Provider) -> None:
    special = ["50% off", "50 per cent off", "snake_case", "snakes case", "back\\slash", "It's “so” <b>bold</b>"]
    fill(any_provider, 54, *special)
    ada = any_provider.browser("ada")
    things = [f"Thing {n:03}" for n in range(54)]
    page = ada.visit(HOME)
    for section in SECTIONS:
        text = parse(page).one("section", id=section).text
        assert "1 to 25 of 60" in text
        assert link(page, "Previous", section) is None
        expected = [*things, *special] if section == "authorised" else [*reversed(special), *reversed(things)]
        assert everything(ada, section) == expected
        for query, found in (
            ("50%", ["50% off"]),
            ("snake_", ["snake_case"]),
            ("back\\", ["back\\slash"]),
            ("%", ["50% off"]),
            ("it's “SO” <b>", ["It's “so” <b>bold</b>"]),
            ("tHING 05", [f"Thing 0{n}" for n in (50, 51, 52, 53)]),
            ("'; DROP TABLE oauth2_client; --", []),
        ):
            answer = press(ada, page, "Search", at=f"#{section}", **{f"{section}_q": query})
            assert sorted(names(answer, section)) == sorted(found), (section, query)
            assert ("Nothing matches" in words(answer)) is not found or found
            others = [names(answer, other) for other in SECTIONS if other != section]
            assert [len(rows) for rows in others] == [25, 25]
    assert any_provider.browser("bob").visit(HOME).text.count("Thing") == 0


@pytest.mark.parametrize("section", SECTIONS)
def test_a_search_without_result_says_so_and_is_cleared(provider: Provider, ada: Browser, section: str) -> None:
    fill(provider, 2)
    assert parse(ada.visit(HOME)).all("form", role="search") == []
    page = ada.visit(f"{HOME}?{section}_q=nothing+<i>like</i>+this")
    assert "Nothing matches “nothing <i>like</i> this”." in words(page)
    assert "No app can use your account" not in words(page)
    (clear,) = [a for a in parse(page).one("section", id=section).all("a") if a.text == "Clear"]
    assert clear.attributes["href"] == f"{HOME}#{section}"


def test_a_search_pages_too(provider: Provider, ada: Browser) -> None:
    fill(provider, 30)
    page = ada.visit(f"{HOME}?authorised_q=Thing")
    onward = link(page, "Next", "authorised")
    assert onward == f"{HOME}?authorised_q=Thing&authorised_page=2#authorised"
    page = ada.visit(f"{HOME}?authorised_q=Thing&authorised_page=2")
    assert "26 to 30 of 30" in words(page)
    assert link(page, "Previous", "authorised") == f"{HOME}?authorised_q=Thing#authorised"


def test_25_rows_need_neither(provider: Provider, ada: Browser) -> None:
    fill(provider, 25)
    page = ada.visit(HOME)
    assert [names(page, section).__len__() for section in SECTIONS] == [25, 25, 25]
    assert parse(page).all("form", role="search") == []
    assert parse(page).all("nav", class_="o2-paging") == []


ODD = ("0", "-1", "x", "", "1.5", "２", "3", "99999", f"00000001{'9' * 30}", "9" * 5000, f"000000001{'9' * 5000}")


def test_a_page_number_out_of_range_is_a_page(any_provider: Provider) -> None:
    fill(any_provider, 30)
    ada = any_provider.browser("ada")
    for number in (*ODD, f"000000001{'9' * 30}"):
        for section in SECTIONS:
            page = ada.visit(f"{HOME}?{section}_page={number}")
            assert page.status_code == 200
            assert len(names(page, section)) in (25, 5), number
    assert len(names(ada.visit(f"{HOME}?authorised_page=3"), "authorised")) == 5


def test_odd_queries_are_harmless(any_provider: Provider) -> None:
    fill(any_provider, 26)
    ada = any_provider.browser("ada")
    for query in ("%00", "%C3%A9", "%F0%9F%A6%8A", "x" * 3000, "%25%25%25", "_", "%5C", "%5C%25", "+", "a&authorised_q=b"):
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


def test_events_page_in_both_directions(any_provider: Provider) -> None:
    fill(any_provider, 30)  # three events each
    ada, seen = any_provider.browser("ada"), []
    page = ada.visit(SECURITY)
    pages = [page]
    while onward := [a.attributes["href"] for a in parse(page).all("a") if a.text == "Next"]:
        page = ada.visit(onward[0])
        pages.append(page)
    for page in pages:
        seen += [event.text for event in parse(page).all(class_="o2-event")]
    assert [len(parse(page).all(class_="o2-event")) for page in pages] == [25, 25, 25, 15]
    assert len(seen) == 90
    assert seen[0].startswith("You made the personal token Thing 029.")
    assert seen[-1].startswith("You registered the application Thing 000.")
    for earlier in reversed(pages[:-1]):
        (back,) = [a.attributes["href"] for a in parse(page).all("a") if a.text == "Previous"]
        page = ada.visit(back)
        texts = [[e.text for e in parse(p).all(class_="o2-event")] for p in (page, earlier)]
        assert texts[0] == texts[1]
    for odd in ("0", "-1", "x", "9" * 18, "9" * 40, "２"):
        assert ada.visit(f"{SECURITY}?before={odd}").status_code == 200
