"""The audit log: every act has a sentence, filters, what was changed, whether it is unbroken, and the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from flask_oauth2server.domain import audit
from flask_oauth2server.ui.admin.sentences import Told, kinds, reason_text, sentence

from ...conftest import close
from ...support import Browser, Provider, build
from ..conftest import CONFIG
from ..pages import Element, form, parse, personal_token, press, said, stored, words

AUDIT = "/admin/oauth2/audit/"
EXPORT = f"{AUDIT}export/"


def rows(page: Any) -> list[Element]:
    """The entries."""
    return [row for body in parse(page).all("tbody") for row in body.all("tr")]


def acts(page: Any) -> list[tuple[str, str]]:
    """Who did what."""
    return [(row.all("td")[0].text, row.all("td")[1].text) for row in rows(page)]


def note(provider: Provider, kind: str, user: str | None = None, **facts: Any) -> None:
    """One more entry."""
    with provider.app.app_context():
        server = provider.app.extensions["oauth2server"]
        key = None if user is None else provider.user(user).id
        server.storage.unit.run(lambda: server.audit.note(kind, key, **facts))


# --- sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", audit.KINDS)
def test_every_kind_of_event_has_a_sentence_and_a_name(provider: Provider, kind: str) -> None:
    told = Told("APP", "NAME", of_client=True)
    facts = {"reason": None, "scope": "a b", "changes": None, "user_id": 1, "user_digest": "x"}
    with provider.app.app_context():
        made = str(sentence(SimpleNamespace(kind=kind, **facts), told))
        other = str(sentence(SimpleNamespace(kind=kind, **facts), told._replace(of_client=False)))
        names = dict(kinds())
    assert made != kind and made[0].isupper() and not made.endswith(".") and "%(" not in made + other
    assert names[kind] != kind and names[kind][0].isupper()
    if kind.startswith(("client", "offer", "secret")):
        assert "APP" in made


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        (audit.ALLOWED, {"reason": audit.REMEMBERED}, "Was let into APP again, without a question"),
        (audit.ALLOWED, {"reason": audit.BY_PROVIDER}, "Was let into APP without a question, by a rule of this server"),
        (audit.ALLOWED, {"scope": "email"}, "Allowed APP, 1 scope"),
        (audit.DENIED, {"reason": audit.BY_PROVIDER}, "APP was not let in, by a rule of this server"),
        (audit.ENDED, {"reason": "reuse"}, "Ended an authorization of APP: a code or token came a second time"),
        (audit.ENDED, {"reason": "of the host"}, "Ended an authorization of APP: of the host"),
        (audit.CLIENT_CHANGED, {"changes": {"b": None, "a": [1, 2]}}, "Changed APP: a, b"),
        (audit.CLIENT_CHANGED, {"changes": {"verified": [True, False]}}, "Took the check away from APP"),
        (audit.CONSENT_FORGOTTEN, {}, "Forgot what everybody had agreed to for APP"),
        (audit.CONSENT_FORGOTTEN, {"user_id": 1}, "Forgot what this person had agreed to for APP"),
        (audit.KEY_REVOKED, {"reason": "unreadable"}, "Withdrew the signing key NAME, which could not be read"),
        (audit.AUDIT_VERIFIED, {"reason": "broken"}, "Verified the audit log: it was changed"),
    ],
)
def test_what_was_special_is_said(provider: Provider, kind: str, facts: dict[str, Any], expected: str) -> None:
    known = {"reason": None, "scope": "", "changes": None, "user_id": None, "user_digest": None, **facts}
    with provider.app.app_context():
        assert str(sentence(SimpleNamespace(kind=kind, **known), Told("APP", "NAME", True))) == expected
        assert reason_text(None) == "revoked"


# --- the page -------------------------------------------------------------------------------------


class House:
    """A provider in which a little has happened; ada is its administrator."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        provider.oauth2.admin_required(lambda user: user.name == "ada")
        self.ada, self.bob = provider.browser("ada"), provider.browser("bob")
        with provider.app.app_context():
            provider.client(client_id="reader", name="Reader", owner=provider.user("bob"))
            client = provider.client(client_id="gone", name="=Gone()")
            self.bob.allow(client.address())
            personal_token(self.bob, "laptop")
            provider.oauth2.edit_client(provider.oauth2.get_client("gone"), redirect_uris=["https://x.example/"])
            provider.oauth2.delete_client(provider.oauth2.get_client("gone"))
        page = self.ada.visit("/admin/oauth2/clients/reader/")
        press(self.ada, page, "Disable")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests that look."""
    config = {**CONFIG, "OAUTH2_USER_SEARCH_COLUMNS": ["name"]}
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('audit')}/house.sqlite", config=config)
    yield House(provider)
    close(provider)


def test_who_did_what_newest_first(house: House) -> None:
    page = house.ada.visit(AUDIT)
    found = [(who, did.partition(" Before and after")[0]) for who, did in acts(page)]
    assert found[0] == ("ada administrator", "Disabled Reader · concerns bob")
    assert ("Server", "Deleted the client =Gone()") in found
    assert ("Server", "Changed =Gone(): redirect_uris") in found
    assert ("bob", "Made the personal token laptop") in found
    assert ("bob", "Allowed =Gone(), 1 scope") in found
    assert found[-1] == ("Server", "Registered the client Reader · concerns bob")
    numbers = [int(row.all("td")[-1].text) for row in rows(page)]
    assert numbers == sorted(numbers, reverse=True)
    links = {a.text: a.attributes["href"] for a in parse(page).one("main").all("a")}
    assert links["Reader"] == "/admin/oauth2/clients/reader/" and "=Gone()" not in links
    assert f"The latest {len(numbers)} entries are unbroken" in words(page)


def test_before_and_after_are_folded(house: House) -> None:
    (row,) = [row for row in rows(house.ada.visit(AUDIT)) if "Changed =Gone()" in row.text]
    fold = row.one("details")
    assert "open" not in fold.attributes
    assert [(e.tag, e.text) for e in fold.one("dd").walk() if e.tag in ("del", "ins")] == [
        ("del", "https://client.example/cb"),
        ("ins", "https://x.example/"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("person=bob", {"Allowed", "Made", "Registered", "Disabled"}),
        ("person=bo&role=actor", {"Allowed", "Made"}),
        ("person=ada&role=actor", {"Disabled"}),
        ("person=ada", set()),
        ("client=gone", {"Allowed", "Registered", "Changed", "Deleted"}),  # though it is gone
        ("client=reader&kind=client+disabled", {"Disabled"}),
        ("kind=token+made", {"Made"}),
        ("kind=none", {"Allowed", "Made", "Registered", "Changed", "Deleted", "Disabled"}),
        ("person=bob&client=reader", {"Registered", "Disabled"}),
    ],
)
def test_filters(house: House, query: str, expected: set[str]) -> None:
    page = house.ada.visit(f"{AUDIT}?{query}")
    assert {did.split()[0] for _who, did in acts(page)} == expected
    assert bool(parse(page).all("a", class_="o2-removable")) == (query != "kind=none")
    if not expected:
        assert "No entry matches" in words(page)


def test_nobody_and_several_are_told_apart(house: House) -> None:
    assert "Nobody is found by “zoe”" in words(house.ada.visit(f"{AUDIT}?person=zoe"))
    with house.provider.app.app_context():
        house.provider.db.session.add(house.provider.User(name="bobby"))
        house.provider.db.session.commit()
    page = house.ada.visit(f"{AUDIT}?person=bo")
    assert not rows(page) and "Whom do you mean?" in words(page)
    assert [a.text for a in parse(page).one("main").all("li")] == ["bob", "bobby"]
    assert rows(house.ada.visit(f"{AUDIT}?person=bob"))  # in full it is one


def test_odd_words_in_the_address(house: House) -> None:
    for odd in ("\0", "🙂", "9" * 400, "-1", "a" * 3000, "<script>"):
        for field in ("person", "client", "kind", "role", "after"):
            page = house.ada.visit(f"{AUDIT}?{field}={quote(odd)}")
            assert page.status_code == 200 and "<script>" not in page.text, (field, odd)


def test_the_log_is_turned_by_key(provider: Provider) -> None:
    for number in range(30):
        note(provider, audit.TOKEN_MADE, "bob", name=f"machine {number:02}")
    ada = provider.browser("ada")
    first = ada.visit(f"{AUDIT}?kind=token+made")
    (older,) = [a.attributes["href"] for a in parse(first).all("a") if a.text == "Next"]
    rest = ada.visit(older)
    assert len(rows(first)) == 25 and len(rows(rest)) == 5 and "kind=token" in older
    names = [did.rpartition("machine ")[2][:2] for page in (first, rest) for _who, did in acts(page)]
    assert names == [f"{number:02}" for number in range(29, -1, -1)]
    (newer,) = [a.attributes["href"] for a in parse(rest).all("a") if a.text == "Previous"]
    assert acts(ada.visit(newer)) == acts(first)


def test_an_empty_log(provider: Provider) -> None:
    page = provider.browser("ada").visit(AUDIT)
    assert "Nothing has happened yet" in words(page) and "Export CSV" not in words(page)


def test_a_log_that_was_changed_says_so(provider: Provider) -> None:
    note(provider, audit.TOKEN_MADE, "bob", name="laptop")
    with provider.app.app_context():
        provider.oauth2.verify_audit()
    ada = provider.browser("ada")
    assert "Unbroken, 1 entries" in words(ada.visit(AUDIT)) and "All of it was verified just now." in words(
        ada.visit(AUDIT)
    )
    with provider.app.app_context():
        provider.oauth2.models.AuditEvent.query.filter_by(kind=audit.TOKEN_MADE).update({"kind": audit.TOKEN_ENDED})
        provider.db.session.commit()
    page = ada.visit(AUDIT)
    alert = parse(page).one(role="alert").text
    assert alert.startswith("The log was changed.") and "Unbroken" not in words(page)
    with provider.app.app_context():
        provider.oauth2.verify_audit()
    assert "Verified the audit log: it was changed" in words(ada.visit(AUDIT))


def test_a_person_who_was_erased_is_not_named(provider: Provider) -> None:
    bob = provider.browser("bob")
    personal_token(bob, "secret laptop")
    with provider.app.app_context():
        provider.oauth2.forget_user(provider.user("bob"))
    page = provider.browser("ada").visit(AUDIT)
    assert "secret laptop" not in words(page) and "its name was erased" in words(page)
    assert "entries are unbroken" in words(page)


# --- the file -------------------------------------------------------------------------------------


def export(browser: Browser, query: str = "") -> list[list[str]]:
    """The lines of the file."""
    answer = press(browser, browser.visit(f"{AUDIT}{query}"), "Export CSV")
    assert answer.status_code == 200 and answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    return list(csv.reader(answer.text.splitlines()))


def test_the_file_has_what_is_shown_and_no_formulas(house: House) -> None:
    lines = export(house.ada, "?client=gone")
    head, entries = lines[0], lines[1:]
    assert head[:3] == ["id", "created_at", "kind"] and len(entries) == 4
    assert {line[head.index("client_name")] for line in entries} == {"'=Gone()"}
    assert all(line[1].endswith("Z") for line in entries)
    whole = export(house.ada)
    assert [line[2] for line in whole[1:3]] == [audit.AUDIT_EXPORTED, audit.AUDIT_EXPORTED]
    ids = [int(line[0]) for line in whole[1:]]
    assert ids == sorted(ids, reverse=True) and len(ids) == stored(house.provider, "AuditEvent")


def test_a_link_exports_nothing(house: House) -> None:
    before = stored(house.provider, "AuditEvent")
    assert house.ada.visit(f"{EXPORT}?client=gone").headers["Location"] == f"{AUDIT}?client=gone"
    answer = house.ada.http.post(EXPORT, data={"csrf_token": "made up"})
    assert answer.status_code == 303 and "too long" in said(house.ada.visit(AUDIT))
    csrf = form(house.ada.visit(AUDIT), "Export CSV")[0].one("input", name="csrf_token").attributes["value"]
    assert house.ada.http.post(f"{EXPORT}?person=zoe", data={"csrf_token": csrf}).status_code == 303
    assert stored(house.provider, "AuditEvent") == before
