"""The list of clients: who may see it, what it tells of each, how it is searched and turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from sqlalchemy import event

from flask_oauth2server import clock
from flask_oauth2server.storage.daily_counts import Counted

from ...support import CALLBACK, Browser, Provider
from ..conftest import CONFIG
from ..pages import landed, parse, press, words

CLIENTS = "/admin/oauth2/clients/"


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    """A provider called Meridian, where ada is an administrator."""
    provider = make(config=CONFIG)
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    return provider


@pytest.fixture
def inside(provider: Provider) -> Iterator[Provider]:
    """The same, inside an app context, for what is registered before a page is looked at."""
    with provider.app.app_context():
        yield provider


#: Client IDs that begin as nothing that is looked for does: generated ones may.
IDS = (f"zz-{number}" for number in count())


def register(provider: Provider, name: str, **values: Any) -> Any:
    values = {"redirect_uris": [CALLBACK], "scopes": ["email"], "client_id": next(IDS), **values}
    return provider.oauth2.create_client(name=name, **values)[0]


def rows(page: Any) -> list[list[str]]:
    """The cells of the list."""
    found = parse(page).all("tr")[1:]
    return [[cell.text for cell in row.all() if cell.tag in ("th", "td")] for row in found]


def names(page: Any) -> list[str]:
    return [element.text for element in parse(page).all("bdi", class_="o2-row-name")]


def link(page: Any, text: str) -> str:
    """Where a link leads to."""
    found = [a for a in parse(page).all("a") if a.text == text]
    assert len(found) == 1, (text, len(found))
    return found[0].attributes["href"]


def test_administrators_alone_may_look(provider: Provider) -> None:
    assert provider.browser().visit(CLIENTS).status_code == 302
    assert provider.browser("bob").visit(CLIENTS).status_code == 403
    assert provider.browser("ada").visit(CLIENTS).status_code == 200


def test_at_first_it_says_what_would_stand_there(provider: Provider, ada: Browser) -> None:
    page = ada.visit(CLIENTS)
    assert "No client yet" in words(page)
    assert not parse(page).all("table")
    assert {a.attributes["href"] for a in parse(page).all("a", class_="o2-primary")} == {f"{CLIENTS}new/"}


def test_what_it_tells_of_each(inside: Provider, ada: Browser) -> None:
    register(inside, "<b>Bold</b>", client_id="bold", owner=inside.user("bob"), verified=False)
    off = register(inside, "Off", client_id="off", contacts=["Makers of Off"])
    inside.oauth2.disable_client(off)
    register(inside, "Own", client_id="own", first_party=True)
    used = inside.client(client_id="used", name="Used")
    used.tokens(inside.browser("bob"))
    used.tokens(ada)
    server = inside.app.extensions["oauth2server"]
    pk = inside.oauth2.get_client("off").id
    count = {Counted(clock.now().date(), "refused", pk): 101}
    server.storage.unit.run(lambda: server.storage.daily_counts.add(count))

    page = ada.visit(CLIENTS)
    assert rows(page) == [
        ["U Usedused", "Checked", "nobody", "2", "0", "just now", "Enabled"],
        ["Ownown", "Made by Meridian", "Meridian", "0", "0", "never", "Enabled"],
        ["O Offoff", "Checked", "Makers of Off", "0", "101", "never", "Disabled"],
        ["B <b>Bold</b>bold", "Not checked", "bob", "0", "0", "never", "Enabled"],
    ]
    assert [element.text for element in parse(page).all(class_="o2-warm")] == ["101"]
    assert link(page, "B <b>Bold</b>bold") == f"{CLIENTS}bold/"


def test_it_asks_the_database_as_often_for_many_as_for_one(inside: Provider, ada: Browser) -> None:
    asked: list[str] = []
    event.listen(inside.db.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    def times() -> int:
        asked.clear()
        assert ada.visit(CLIENTS).status_code == 200
        return len(asked)

    for number in range(2):
        inside.db.session.add(inside.User(name=f"owner {number}"))
    inside.db.session.commit()
    register(inside, "One", owner=inside.user("owner 0"))
    times()  # the first request of all looks at the tables
    few = times()
    for number in range(8):
        register(inside, f"Further {number}", owner=inside.user(f"owner {number % 2}"))
    assert times() == few


def test_searched_filtered_and_cleared(inside: Provider, ada: Browser) -> None:
    register(inside, "Zotero", client_id="zotero")
    register(inside, "Zoo", token_endpoint_auth_method="none", redirect_uris=["https://zoo.example/cb"])
    register(inside, "Reader", owner=inside.user("bob"))
    page = press(ada, ada.visit(CLIENTS), "Filter", q="ZO")
    assert names(page) == ["Zoo", "Zotero"]
    page = press(ada, page, "Filter", type="public")
    assert names(page) == ["Zoo"]
    assert [a.text for a in parse(page).all("a", class_="o2-removable")] == [
        "“ZO” remove this filter",
        "Public remove this filter",
    ]
    assert names(ada.visit(link(page, "Public remove this filter"))) == ["Zoo", "Zotero"]
    assert names(ada.visit(link(page, "“ZO” remove this filter"))) == ["Zoo"]
    assert len(names(ada.visit(link(page, "Clear all")))) == 3
    assert names(ada.visit(f"{CLIENTS}?q=bob")) == ["Reader"]
    assert names(ada.visit(f"{CLIENTS}?q=https://zoo.example/anything")) == ["Zoo"]
    # What no form has sent is passed over.
    assert len(names(ada.visit(f"{CLIENTS}?type=secret&check=1&state=%00&after=%00&q=%00"))) == 3


def test_nothing_matches(inside: Provider, ada: Browser) -> None:
    register(inside, "Reader")
    register(inside, "Writer")
    page = ada.visit(f"{CLIENTS}?q=zotero&type=public")
    said = words(page)
    assert "No client matches" in said
    assert "No public client has “zotero” in its name, client ID, owner or redirect URI." in said
    assert link(page, "Search all 2 clients instead.") == CLIENTS
    said = words(ada.visit(f"{CLIENTS}?check=unchecked&state=disabled"))
    assert "There is no disabled unchecked client." in said
    assert "No client has “&lt;b&gt;" in ada.visit(f"{CLIENTS}?q=<b>").text


def test_turned_by_key(inside: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_oauth2server.ui.admin.clients.PAGE", 2)
    monkeypatch.setattr("flask_oauth2server.domain.client_search.MANY", 4)
    for number in range(5):
        register(inside, f"App {number}", client_id=f"app{number}")
    first = ada.visit(f"{CLIENTS}?q=app&state=enabled")
    assert names(first) == ["App 0", "App 1"]
    assert "1 to 2 of more than 4" in words(first)
    second = ada.visit(link(first, "Next"))
    assert (names(second), "3 to 4 of more than 4" in words(second)) == (["App 2", "App 3"], True)
    third = ada.visit(link(second, "Next"))
    assert (names(third), "5 to 5 of more than 4" in words(third)) == (["App 4"], True)
    back = ada.visit(link(third, "Previous"))
    assert (names(back), "3 to 4 of" in words(back)) == (["App 2", "App 3"], True)
    back = ada.visit(link(back, "Previous"))
    assert (names(back), "1 to 2 of" in words(back)) == (["App 0", "App 1"], True)
    assert not [a for a in parse(back).all("a") if a.text == "Previous"]


def test_the_list_leads_to_a_client_whose_id_is_an_address(inside: Provider, ada: Browser) -> None:
    client = register(inside, "Self", client_id="https://assistant.example/client.json")
    page = ada.visit(CLIENTS)
    (row,) = parse(page).all("a", class_="o2-client")
    assert row.attributes["href"] == f"{CLIENTS}~{client.id}/"
    assert ada.visit(row.attributes["href"]).status_code == 200


def test_looking_changes_nothing(inside: Provider, ada: Browser) -> None:
    client = register(inside, "Reader")
    for address in (CLIENTS, f"{CLIENTS}new/", f"{CLIENTS}{client.client_id}/edit/"):
        assert ada.visit(f"{address}?name=Changed&csrf_token=x").status_code == 200
    assert ada.http.post(CLIENTS).status_code == 405
    inside.db.session.expire_all()
    assert [client.name for client in inside.oauth2.list_clients()] == ["Reader"]


def test_the_way_from_the_list_to_a_new_client(inside: Provider, ada: Browser) -> None:
    page = ada.visit(link(ada.visit(CLIENTS), "New client"))
    values = {"name": "Imports", "preset": "service", "scopes": ["email"]}
    made = press(ada, page, "Register client", **values)
    assert made.status_code == 200, landed(ada, made)
    assert names(ada.visit(CLIENTS)) == ["Imports"]
