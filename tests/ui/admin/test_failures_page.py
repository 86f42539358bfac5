"""Why did it fail? The list, the search, and the page of one failure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from flask_oauth2server import clock
from flask_oauth2server.domain.causes import CAUSES
from flask_oauth2server.storage.daily_counts import Counted

from ...conftest import close
from ...support import CALLBACK, Browser, Client, Provider, bearer, build
from ..conftest import CONFIG
from ..pages import Element, fields, form, heading, later, parse, press, stored, words

FAILURES = "/admin/oauth2/failures/"


def flush(provider: Provider) -> None:
    """Write what happened after the answers, now."""
    with provider.app.app_context():
        provider.app.extensions["oauth2server"].records.flush()


def rows(page: Any) -> list[Element]:
    """The rows of the list."""
    return [row for body in parse(page).all("tbody") for row in body.all("tr")]


def causes(page: Any) -> list[str]:
    """What happened, the last first."""
    return [row.one("th").one("a").text for row in rows(page)]


def open_(browser: Browser, title: str) -> Any:
    """The page of the failure of that title."""
    (row,) = [row for row in rows(browser.visit(FAILURES)) if row.one("th").one("a").text == title]
    return browser.visit(row.one("th").one("a").attributes["href"])


def panel(page: Any, name: str) -> Element:
    """A card of the page."""
    (found,) = [one for one in parse(page).all("section") if one.all("h2") and one.all("h2")[0].text == name]
    return found


class House:
    """A provider that has refused something of everything; ada is its administrator."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        provider.oauth2.admin_required(lambda user: user.name == "ada")
        self.ada, self.bob = provider.browser("ada"), provider.browser("bob")
        self.reader = provider.client(client_id="reader", name="Reader", redirect_uris=[CALLBACK, "https://b.example/"])
        provider.client(client_id="readme", name="Readme")
        self.secrets = [self.reader.secret, self._fail_all(self.reader)]
        flush(provider)

    def _fail_all(self, reader: Client) -> str:
        for _ in range(2):
            self.bob.visit(reader.address(redirect_uri=f"{CALLBACK}/"))
        self.bob.visit(reader.address(scope="email Notes nix"))
        self.bob.visit(reader.address(client_id="zotero<b>"))
        code = reader.code(self.bob)
        reader.exchange(code, code_verifier="v" * 43)
        reader.exchange(code)
        reader.exchange(code)
        secret, reader.secret = reader.secret, f" {reader.secret}"
        reader.refresh("o2r_leaked")
        reader.secret = secret
        reader.post("/oauth/token", basic=False, grant_type="refresh_token")
        with self.provider.api().get("/oauth/ping/", headers=bearer("o2a_cut")) as answer:
            assert answer.status_code == 401
        return code


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests that look."""
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('failures')}/house.sqlite", config=CONFIG)
    yield House(provider)
    close(provider)


# --- the list -------------------------------------------------------------------------------------


def test_what_was_refused_by_cause_and_client(house: House) -> None:
    page = house.ada.visit(FAILURES)
    assert causes(page) == [
        "That is no access token of this provider",
        "The client authenticates in another way than it has registered",
        "The secret is wrong",
        "The code was used a second time",
        "The code verifier does not match the challenge",
        "No client has this client ID",
        "The client may not ask for one of the scopes",
        "The redirect URI is not registered",
    ]
    first, last = rows(page)[0], rows(page)[-1]
    assert [cell.text for cell in first.all("td")] == ["1", "not known", "invalid_token 401", "ping", "just now"]
    assert [cell.text for cell in last.all("td")] == ["2", "Reader", "invalid_request 400", "authorize", "just now"]
    assert last.one(class_="o2-clue").text == "One character more: a slash at the end."
    assert rows(page)[5].all("td")[1].text == "zotero<b>" and "<b>zotero" not in page.text
    for value in (*house.secrets, "o2r_leaked", "o2a_cut", "v" * 43):
        assert value not in page.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [("q=reader", 6), ("client=reader", 6), ("q=bob", 3), ("user=2", 3), ("q=zotero%3Cb%3E", 1), ("q=readme", 0)],
)
def test_searched_by_client_and_person(house: House, query: str, expected: int) -> None:
    page = house.ada.visit(f"{FAILURES}?{query}")
    assert len(causes(page)) == expected and len(parse(page).all("a", class_="o2-removable")) == 1
    if not expected:
        assert "Nothing was refused." in words(page) and "Look at the last 7 days" in words(page)


def test_who_is_meant_is_asked(house: House) -> None:
    page = house.ada.visit(f"{FAILURES}?q=read")
    assert not rows(page) and "Whom or what do you mean?" in words(page)
    links = {a.text: a.attributes["href"] for a in parse(page).one("main").all("a") if a.text in ("Reader", "Readme")}
    assert len(links) == 2 and len(causes(house.ada.visit(links["Reader"]))) == 6


@pytest.mark.parametrize("spelling", ["{0}", " {0} ", "{1}", "{2}"])
def test_a_reference_leads_to_its_page_however_it_is_typed(house: House, spelling: str) -> None:
    href = rows(house.ada.visit(FAILURES))[-1].one("th").one("a").attributes["href"]
    reference = href.rstrip("/").rpartition("/")[2]
    typed = spelling.format(reference, reference.lower(), reference.replace("-", ""))
    assert house.ada.visit(f"{FAILURES}?q={quote(typed)}").headers["Location"] == href
    assert house.ada.visit(f"{FAILURES}{typed.strip()}/").status_code == 200


def test_what_is_no_reference(house: House) -> None:
    page = house.ada.visit(f"{FAILURES}?q=f-aaaa-bbbb")
    assert "No failure has the reference F-AAAA-BBBB" in words(page)
    assert "Nothing was refused." in words(house.ada.visit(f"{FAILURES}?q=facebooks"))  # that is a name
    for odd in ("F-AAAA-BBBB", "x", "🙂", "%00", "F-" + "A" * 3000, "ſ-aaaa-bbbb", "-1"):
        assert house.ada.visit(f"{FAILURES}{odd}/").status_code == 404, odd


def test_odd_words_in_the_address(house: House) -> None:
    for odd in ("\0", "🙂", "9" * 400, "-1", "a" * 3000, "<script>"):
        for field in ("q", "client", "user", "days"):
            page = house.ada.visit(f"{FAILURES}?{field}={quote(odd)}")
            assert page.status_code == 200 and "<script>" not in page.text, (field, odd)


def test_other_days(provider: Provider) -> None:
    House(provider)
    with later(days=5):
        ada = provider.browser("ada")
        assert "Nothing was refused today." in words(ada.visit(FAILURES))
        assert len(causes(ada.visit(f"{FAILURES}?days=7"))) == 8
        assert not causes(ada.visit(f"{FAILURES}?days=3"))  # not offered: today


def test_times_are_counted_also_where_not_kept(provider: Provider) -> None:
    house = House(provider)
    with provider.app.app_context():
        server = provider.app.extensions["oauth2server"]
        pk = provider.oauth2.get_client("reader").id
        more = {Counted(clock.now().date(), "refused:redirect_uri_not_registered", pk): 5000}
        server.storage.unit.run(lambda: server.storage.daily_counts.add(more))
    assert rows(house.ada.visit(FAILURES))[-1].all("td")[0].text == "5,002"
    assert "5,002 times" in words(open_(house.ada, "The redirect URI is not registered"))
    assert rows(house.ada.visit(f"{FAILURES}?q=bob"))[-1].all("td")[0].text == "2"  # of one person: what is kept


def test_nothing_is_recorded(make: Any) -> None:
    provider = make(config={**CONFIG, "OAUTH2_ENABLE_FAILURES": False})
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    assert "OAUTH2_ENABLE_FAILURES is off." in words(provider.browser("ada").visit(FAILURES))


# --- one failure ----------------------------------------------------------------------------------


def test_a_redirect_uri_that_is_not_registered(house: House) -> None:
    page = open_(house.ada, "The redirect URI is not registered")
    assert heading(page) == "The redirect URI is not registered"
    card = panel(page, "The difference")
    assert [mark.text for mark in card.all("mark")] == ["/"]
    sent, nearest, other = (e.text for e in card.all("dd"))
    assert (sent, nearest, other) == (f"{CALLBACK}/", CALLBACK, "https://b.example/")
    assert "One character more: a slash at the end. Redirect URIs are compared character by character" in card.text
    assert "RFC 6749, 3.1.2.3" in card.text
    steps = [li.text for li in panel(page, "To fix it").all("li")]
    assert steps[0].startswith("In the client: Let it send") and steps[1].startswith("Or here: Register the address")
    checks = [li.text.partition(":")[0] for li in panel(page, "What was checked, in order").all("li")]
    assert checks == ["Passed"] * 4 + ["Failed"] + ["Not reached"] * 6
    request = panel(page, "Request and answer").one("pre").text
    assert request.startswith("GET /oauth/authorize") and request.endswith("400 invalid_request")
    assert "state (present, 3 characters)" in request and f"redirect_uri {CALLBACK}/" in request
    seen = panel(page, "Who saw it").text
    assert "bob: an error page, not sent back to the client The client nothing" in seen


def test_it_is_mended_here(provider: Provider) -> None:
    house = House(provider)
    page = open_(house.ada, "The redirect URI is not registered")
    (button,) = [a for a in parse(page).all("a", class_="o2-button") if a.text == "Add to redirect URIs…"]
    edit = house.ada.visit(button.attributes["href"])
    shown = fields(form(edit, "Save")[0])["redirect_uris"][0].split()
    assert shown == [CALLBACK, "https://b.example/", f"{CALLBACK}/"]
    assert f"Filled in below, and not saved yet: {CALLBACK}/" in words(edit)
    with provider.app.app_context():
        assert len(provider.oauth2.get_client("reader").redirect_uris) == 2  # looking saves nothing
    assert press(house.ada, edit, "Save").status_code == 303
    assert house.bob.visit(house.reader.address(redirect_uri=f"{CALLBACK}/")).status_code == 302
    again = house.ada.visit(button.attributes["href"])
    assert "Filled in below" not in words(again)
    for odd in ("%00", "%0d%0ax", "a" * 5000, "%f0%9f%99%82"):
        address = f"/admin/oauth2/clients/reader/edit/?add_redirect_uri={odd}"
        assert house.ada.visit(address).status_code == 200


def test_scopes_are_compared_word_by_word(house: House) -> None:
    page = open_(house.ada, "The client may not ask for one of the scopes")
    card = panel(page, "The difference")
    assert [mark.text for mark in card.all("mark")] == ["Notes", "nix"]
    assert [e.text for e in card.all("dd")] == ["email Notes nix", "email profile notes"]
    assert "Not registered here at all: Notes, nix." in card.text
    assert "was sent back to the client, with the error The client 400 invalid_scope" in panel(page, "Who saw it").text
    (button,) = parse(page).one("main").all("a", class_="o2-button")
    assert button.text == "Edit settings…" and button.attributes["href"] == "/admin/oauth2/clients/reader/edit/"


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("The code verifier does not match the challenge", "What was sent has 43 characters."),
        ("The code was used a second time", "It was used on "),
        ("The secret is wrong", "It has a space or a line end at its beginning or end."),
        ("The client authenticates in another way than it has registered", "Sent none Expected client_secret_basic"),
        ("That is no access token of this provider", "it was cut off or mistyped."),
        ("No client has this client ID", "Compare the client ID with the one on the client's page"),
    ],
)
def test_others_say_what_is_known(house: House, title: str, told: str) -> None:
    page = open_(house.ada, title)
    assert told in words(page) and not panel(page, "Request and answer").all("mark")
    for value in (*house.secrets, "o2r_leaked", "o2a_cut", "v" * 43):
        assert value not in page.text
    assert "zotero<b>" in words(page) or "<b>zotero" not in page.text


def test_what_was_done_just_before(provider: Provider) -> None:
    reader = provider.client(client_id="reader", name="Reader")
    with provider.app.app_context():
        provider.oauth2.edit_client(provider.oauth2.get_client("reader"), redirect_uris=[f"{CALLBACK}2"])
    with later(hours=1):
        provider.browser("bob").visit(reader.address())
        flush(provider)
        ada = provider.browser("ada")
        page = open_(ada, "The redirect URI is not registered")
        (link,) = [a for a in parse(page).all("a") if a.text == "after its settings were changed"]
        assert "after its settings were changed (1 hour ago)" in words(page)
        entries = ada.visit(link.attributes["href"].partition("#")[0])
        assert "Changed Reader: redirect_uris" in words(entries)
        assert link.attributes["href"].partition("#")[2] in [e.attributes.get("id") for e in parse(entries).all("time")]
    with later(days=9):
        provider.browser("bob").visit(reader.address(scope="nix"))
        flush(provider)
        page = provider.browser("ada").visit(f"{FAILURES}?days=14")
        assert len(rows(page)) == 1


def test_every_cause_has_a_page(provider: Provider) -> None:
    with provider.app.app_context():
        provider.client(client_id="reader", name="Reader")
        models = provider.oauth2.models
        of_reader = {"endpoint": "oauth2server.access_token", "client_pk": provider.oauth2.get_client("reader").id}
        for number, cause in enumerate([*CAUSES, "of another release"]):
            facts: dict[str, Any] = {"sent": "x y", "expected": ["x"], "detail": "why"} if number % 2 else {}
            row = {"reference": f"F-{number:04}-TEST", "cause": cause, "error": "e", "status": 400, "facts": facts}
            row |= ({"endpoint": "notes", "client_pk": None}, {"endpoint": "", "client_pk": 99}, of_reader)[number % 3]
            provider.db.session.add(models.Failure(created_at=clock.now() - timedelta(seconds=number), **row))
        provider.db.session.commit()
    ada = provider.browser("ada")
    page = ada.visit(FAILURES)
    assert len(rows(page)) == len(CAUSES) + 1
    for row in rows(page):
        link = row.one("th").one("a")
        told = ada.visit(link.attributes["href"])
        assert told.status_code == 200 and heading(told) == link.text
        assert len([li for li in panel(told, "What was checked, in order").all("li") if "Failed:" in li.text]) == 1


def test_looking_changes_nothing(house: House) -> None:
    before = [stored(house.provider, name) for name in ("Failure", "AuditEvent", "Client", "Token")]
    for path in ("", "?q=reader", "?days=14", "F-0000-NONE/"):
        house.ada.visit(f"{FAILURES}{path}")
        house.ada.http.post(f"{FAILURES}{path}", data={"csrf_token": "x"})
    flush(house.provider)
    after = [stored(house.provider, name) for name in ("Failure", "AuditEvent", "Client", "Token")]
    assert after[1:] == before[1:]
