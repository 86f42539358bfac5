"""Clients are found by the beginning of a name, an id, a redirect host or an owner, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from flask_oauth2server.domain import client_search
from flask_oauth2server.domain.client_search import FoundClients, prefixes, terms

from ..support import Provider


def names(found: FoundClients) -> list[str]:
    return [client.name for client in found.clients]


#: Client IDs that begin as nothing that is looked for does: generated ones may.
IDS = (f"zz-{number}" for number in count())


def register(provider: Provider, name: str, **values: Any) -> Any:
    values = {"redirect_uris": ["https://app.example/cb"], "scopes": ["email"], "client_id": next(IDS), **values}
    return provider.oauth2.create_client(name=name, **values)[0]


# --- terms ----------------------------------------------------------------------------------------


def test_a_name_is_found_from_each_word_on_and_a_host_by_what_it_is_part_of() -> None:
    found = terms("Nordic  Consortium (staging)", "NCD-b81", ["https://harvest.ncdp.example:8443/cb"])
    assert found == [
        "nordic consortium (staging)",
        "ncd-b81",
        "consortium (staging)",
        "staging)",
        "harvest.ncdp.example",
        "ncdp.example",
    ]


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("com.example.notes:/callback", ["com.example.notes"]),
        ("http://127.0.0.1/callback", ["127.0.0.1"]),
        ("http://[::1]:80/callback", ["[::1]"]),
        ("http://localhost/callback", ["localhost"]),
    ],
)
def test_a_scheme_or_an_address_in_numbers_is_part_of_nothing(uri: str, found: list[str]) -> None:
    assert terms("N", "i", [uri])[2:] == found


def test_terms_are_few_and_short() -> None:
    many = terms("word " * 50, "c" * 500, [f"https://a{n}.b.example/" for n in range(100)])
    assert len(many) == 40
    assert max(map(len, many)) == 128
    assert all(term == term.strip() for term in many)


def test_widths_and_case_do_not_matter() -> None:
    assert terms("ＣＡＦÉ", "x", [])[0] == "café" == prefixes("CAFÉ")[0]


def test_half_an_address_is_looked_for_as_it_is() -> None:
    assert prefixes("https://[") == ["https://["]
    assert prefixes("https://Reader.example/cb?x=1") == ["https://reader.example/cb?x=1", "reader.example"]
    assert prefixes("com.example.app:/cb") == ["com.example.app:/cb", "com.example.app"]


# --- searching, on each database ------------------------------------------------------------------


def test_search(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        ada, bob = any_provider.user("ada"), any_provider.user("bob")
        search = any_provider.oauth2.search_clients
        register(any_provider, "Nordic Archive", client_id="archive-1", redirect_uris=["https://in.ncdp.example/cb"])
        register(any_provider, "Reading room", client_id="Nordlicht", owner=ada)
        register(any_provider, "nord", client_id="nord%", redirect_uris=["https://nordic.example/cb"])
        register(any_provider, "图书馆助手", client_id="library", owner=bob)

        # Newest first, without a query; by term with one, each client once: "nord" has three such terms.
        assert names(search()) == ["图书馆助手", "nord", "Reading room", "Nordic Archive"]
        assert names(search("NORD")) == ["nord", "Nordic Archive", "Reading room"]
        assert search("nord").total == 3
        assert names(search("room")) == ["Reading room"]
        assert names(search("图书")) == ["图书馆助手"]
        assert names(search("oom")) == []
        assert names(search("nord%")) == ["nord"]
        assert names(search("ncdp.example")) == ["Nordic Archive"]
        assert names(search(" https://in.ncdp.example/other")) == ["Nordic Archive"]
        # An owner by the beginning of their name, in any case, or by their key; after what terms lead to.
        assert names(search("AD")) == ["Reading room"]
        assert names(search(str(bob.id))) == ["图书馆助手"]
        assert names(search("b")) == ["图书馆助手"]
        assert names(search("9" * 30)) == []


def test_owners_follow_what_terms_lead_to_and_are_not_told_twice(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        ada = any_provider.user("ada")
        for name in ("Ada's notes", "Beta", "Gamma", "Delta"):
            register(any_provider, name, owner=ada)
        register(any_provider, "Adam", owner=any_provider.user("bob"))
        walk: list[list[str]] = []
        found = any_provider.oauth2.search_clients("ada", limit=2)
        walk.append(names(found))
        while found.next:
            found = any_provider.oauth2.search_clients("ada", limit=2, after=found.next)
            walk.append(names(found))
        assert walk == [["Ada's notes", "Adam"], ["Delta", "Gamma"], ["Beta"]]
        back = []
        while found.previous:
            found = any_provider.oauth2.search_clients("ada", limit=2, before=found.previous)
            back.append(names(found))
        assert back == [["Delta", "Gamma"], ["Ada's notes", "Adam"]]
        assert found.total == 5


def test_an_edit_and_an_end_are_seen_by_the_search(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        oauth2, search = any_provider.oauth2, any_provider.oauth2.search_clients
        client = register(any_provider, "Old name", redirect_uris=["https://old.example/cb"])
        oauth2.edit_client(client, name="New name", redirect_uris=["https://new.example/cb"])
        assert names(search("old")) == []
        assert names(search("new.ex")) == ["New name"]
        oauth2.edit_client(client, description="No other terms")
        assert names(search("new n")) == ["New name"]
        oauth2.delete_client(client)
        assert names(search("new")) == []
        assert any_provider.db.session.query(oauth2.models.ClientTerm).count() == 0


def test_who_was_there_before_the_search_is_found_after_init_db(
    any_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_search, "_STEP", 2)
    with any_provider.app.app_context():
        for number in range(5):
            register(any_provider, f"Client {number}")
        known = register(any_provider, "Known")
        term = any_provider.oauth2.models.ClientTerm
        any_provider.db.session.query(term).filter(term.client_pk != known.id).delete()
        any_provider.db.session.commit()
        assert any_provider.oauth2.search_clients("client").total == 0
        assert any_provider.oauth2.init_db() == ["Made the search terms of 5 clients."]
        assert any_provider.oauth2.search_clients("client").total == 5
        assert any_provider.oauth2.init_db() == []


# --- filters and pages ----------------------------------------------------------------------------


def test_filters(provider: Provider) -> None:
    with provider.app.app_context():
        search = provider.oauth2.search_clients
        register(provider, "Web", verified=False)
        register(provider, "Phone", token_endpoint_auth_method="none")
        off = register(provider, "Web of old")
        provider.oauth2.disable_client(off)
        assert names(search(type="public")) == ["Phone"]
        assert names(search(check="unchecked")) == ["Web"]
        assert names(search(state="disabled")) == ["Web of old"]
        assert names(search("we", state="enabled")) == ["Web"]
        assert names(search(type="confidential", check="checked", state="enabled")) == []
        assert search("we", check="checked").total == 1
        with pytest.raises(ValueError, match="check is one of checked, unchecked"):
            search(check="maybe")


def test_pages_there_and_back(provider: Provider) -> None:
    with provider.app.app_context():
        search = provider.oauth2.search_clients
        clients = [register(provider, f"App {number}", client_id=f"app-{number}") for number in range(5)]
        for query, order in (("", "43210"), ("app", "01234")):
            first = search(query, limit=2)
            second = search(query, limit=2, after=first.next)
            third = search(query, limit=2, after=second.next)
            pages = [first, second, third]
            assert "".join(name[-1] for page in pages for name in names(page)) == order
            assert [bool(page.previous) for page in pages] == [False, True, True]
            assert [bool(page.next) for page in pages] == [True, True, False]
            assert names(search(query, limit=2, before=third.previous)) == names(second)
            # What is before the second page is the first one, in full, and the first one has none before it.
            back = search(query, limit=2, before=second.previous)
            assert (names(back), back.previous) == (names(first), None)
        # What an address says that nobody has written is the first page; so is a place that has gone.
        last = search(limit=1, after=search(limit=4).next)
        assert names(search(limit=2, after="nonsense")) == ["App 4", "App 3"]
        provider.oauth2.delete_client(clients[0])
        assert names(last) == ["App 0"]
        assert names(search(limit=2, after=search(limit=4).next or "1~")) == ["App 4", "App 3"]


def test_counting_stops(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_search, "MANY", 2)
    with provider.app.app_context():
        register(provider, "One", owner=provider.user("ada"))
        register(provider, "Ada two")
        found = provider.oauth2.search_clients()
        assert (found.total, found.more) == (2, False)
        register(provider, "Three", owner=provider.user("ada"))
        for query in ("", "ada"):
            found = provider.oauth2.search_clients(query)
            assert (found.total, found.more) == (2, True)


# --- owners ---------------------------------------------------------------------------------------


def test_an_owner_is_named_by_what_only_they_have(provider: Provider) -> None:
    with provider.app.app_context():
        server = provider.app.extensions["oauth2server"]
        ada = provider.user("ada")
        search = server.client_search
        assert search.owner("ada").id == search.owner("ADA").id == search.owner(str(ada.id)).id == ada.id
        assert search.owner_text(ada.id) == "ada"
        with pytest.raises(ValueError, match=r"no user is called “ad”. Near: ada\."):
            search.owner("ad")
        with pytest.raises(ValueError, match=r"^no user is called “nobody”\.$"):
            search.owner("nobody")
        provider.db.session.add(provider.User(name=str(ada.id)))
        provider.db.session.commit()
        with pytest.raises(ValueError, match="more than one user"):
            search.owner(str(ada.id))


def test_without_a_user_model_the_key_alone_names_an_owner(make: Callable[..., Provider]) -> None:
    provider = make(user_model=False)
    with provider.app.app_context():
        ada = provider.user("ada")
        client = register(provider, "Reader", owner=ada)
        search = provider.app.extensions["oauth2server"].client_search
        assert provider.oauth2.search_clients(client.user_id).total == 1
        assert search.owner(client.user_id).id == ada.id
        for nobody in ("ada", "999", ""):
            with pytest.raises(ValueError, match="no user is called"):
                search.owner(nobody)


# --- the index ------------------------------------------------------------------------------------


@pytest.mark.parametrize("any_database", ["postgresql", "mariadb"], indirect=True)
def test_the_beginning_of_a_term_is_looked_up_in_the_index(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        db, oauth2 = any_provider.db, any_provider.oauth2
        client = register(any_provider, "Reader")
        table = oauth2.models.ClientTerm.__table__
        filling = [{"term": f"term {number}", "client_pk": client.id} for number in range(3000)]
        db.session.execute(insert(table), filling)
        db.session.commit()
        postgresql = db.engine.dialect.name == "postgresql"
        db.session.execute(text(f"ANALYZE {'' if postgresql else 'TABLE '}{table.name}"))
        db.session.commit()
        sent: list[tuple[str, Any]] = []
        keep = lambda *told: sent.append((told[2], told[3]))  # noqa: E731 - statement and parameters
        event.listen(db.engine, "before_cursor_execute", keep)
        found = oauth2.search_clients("read", limit=1)
        oauth2.search_clients("r", after=f"{client.id}.reader")
        event.remove(db.engine, "before_cursor_execute", keep)
        assert found.total == 1
        searched = [one for one in sent if "ORDER BY oauth2_client_term.term" in one[0] or "count(*)" in one[0]]
        assert len(searched) >= 4
        for statement, parameters in searched:
            plan = db.session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters)
            told = [" ".join(map(str, row)) for row in plan]
            # The term that leads to a client, and not only the earlier one that would make it a second time.
            outer = [line for line in told if "ix_oauth2_client_term_term" in line and "earlier" not in line]
            assert outer, told
