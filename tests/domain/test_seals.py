"""Whoever can write to the database, but has not the key, changes nothing in the audit unseen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from flask_oauth2server import clock
from flask_oauth2server.domain import audit, seals
from flask_oauth2server.domain.verification import Verdict
from flask_oauth2server.errors import ConfigurationError

from ..conftest import close
from ..support import Provider, build
from ..ui.pages import later

DAY = 86400
Make = Callable[..., Provider]


class Book:
    """The audit of a provider, and whoever tampers with it by SQL."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        models = provider.oauth2.models
        self.event, self.seal = models.AuditEvent.__table__, models.AuditSeal.__table__
        self.server = provider.app.extensions["oauth2server"]

    def write(self, *users: int | None, **facts: Any) -> None:
        """One event for each user, by themselves."""
        for user in users:
            actor = audit.Actor(audit.PERSON, str(user)) if user else audit.Actor(audit.SERVER)
            values = {"name": f"laptop of {user}", "address": "192.0.2.1" if user else None, **facts}
            self.server.storage.unit.run(
                lambda user=user, actor=actor, values=values: self.server.audit.note(
                    audit.TOKEN_MADE, user, actor=actor, **values
                )
            )

    def sealed(self, *batches: int) -> None:
        """So many events under each of so many seals."""
        for size in batches:
            self.write(*([1, 2] * size)[:size])
            assert self.server.seals.step() == size

    def run(self, *statements: Any) -> None:
        for statement in statements:
            touched = self.provider.db.session.execute(statement).rowcount
            assert touched, "nobody was there to be tampered with"
        self.provider.db.session.commit()

    def rows(self, table: Any | None = None) -> list[Any]:
        table = self.event if table is None else table
        return list(self.provider.db.session.execute(select(table).order_by(table.c.id)))

    def verify(self, last: str | None = None) -> Verdict:
        verdict = self.server.seals.verify(last)
        self.provider.db.session.rollback()
        return verdict

    def found(self, last: str | None = None) -> list[str]:
        return [str(finding.text) for finding in self.verify(last).findings]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('seals')}/provider.sqlite")
    yield provider
    close(provider)


@pytest.fixture
def book(shared: Provider) -> Iterator[Book]:
    with shared.app.app_context():
        found = Book(shared)
        for table in (found.event, found.seal):
            shared.db.session.execute(delete(table))
        shared.db.session.execute(text("DELETE FROM sqlite_sequence WHERE name LIKE 'oauth2_audit%'"))
        shared.db.session.commit()
        yield found
        shared.db.session.rollback()


@pytest.fixture
def any_book(any_provider: Provider) -> Iterator[Book]:
    with any_provider.app.app_context():
        yield Book(any_provider)
        any_provider.db.session.rollback()


# --- all is well ----------------------------------------------------------------------------------


def test_nothing_is_unbroken(book: Book) -> None:
    assert book.server.seals.step() == 0
    verdict = book.verify()
    assert (verdict.unbroken, verdict.seals, verdict.entries, verdict.last) == (True, 0, 0, None)


def test_what_was_written_is_sealed_and_verified(any_book: Book, caplog: pytest.LogCaptureFixture) -> None:
    """On each database: what comes back is what went in, letter by letter."""
    any_book.write(1, name="Größe 🙂 \\ \" ' ")
    any_book.write(2, changes={"name": ["a", "b"], "n": [1, None], "list": [[1, "é"], {}]}, scope="", reason="x" * 64)
    any_book.write(None, client_id="reader", client_name="Reader")
    with caplog.at_level(logging.INFO):
        assert any_book.server.seals.step() == 3
    any_book.write(1)
    verdict = any_book.verify()
    assert (verdict.findings, verdict.seals, verdict.entries, verdict.unsealed) == ([], 1, 4, 1)
    assert verdict.last == any_book.server.seals.last()
    assert f"sealed 3 audit entries: {verdict.last}" in caplog.messages


def test_a_seal_has_so_many_entries_and_no_more_than_a_day(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST_EVENTS", 3)
    book.write(1, 1, 1, 1)
    with later(hours=25):
        book.write(1)
        assert [book.server.seals.step() for _ in range(4)] == [3, 1, 1, 0]
    assert book.found() == []


def test_long_chains_are_verified_in_pieces(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_oauth2server.domain.verification._PIECE", 4)
    book.sealed(3, 3, 9, 1, 1)
    book.write(*[1] * 9)
    verdict = book.verify()
    assert (verdict.findings, verdict.seals, verdict.entries, verdict.unsealed) == ([], 5, 26, 9)
    book.run(update(book.event).where(book.event.c.id == 14).values(kind="used"))
    assert [(finding.seal, finding.entry) for finding in book.verify().findings] == [(3, None), (3, 14)]


# --- what is found --------------------------------------------------------------------------------

_CHANGED = "Entry {0} was changed, or was not written by this server."
_MISMATCH = "Seal 2, over entries 4 to 6, does not match."


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "used"),
        ("reason", "another"),
        ("client_id", "another"),
        ("authorization", "another"),
        ("token_id", 7),
        ("scope", "everything"),
        ("actor_kind", "administrator"),
        ("user_digest", "0" * 64),
        ("actor_digest", None),
        ("mac", None),
        ("mac", "0123:é"),
        ("id", 99),
    ],
)
def test_a_changed_entry(book: Book, column: str, value: Any) -> None:
    book.sealed(3, 3, 3)
    book.run(update(book.event).where(book.event.c.id == 5).values({column: value}))
    found = book.found()
    assert found[0] == _MISMATCH
    if value != "0123:é":
        assert _CHANGED.format(value if column == "id" else 5) in found
    assert all(finding.seal == 2 for finding in book.verify().findings)


def test_a_moved_time(book: Book) -> None:
    book.sealed(3, 3)
    book.run(update(book.event).where(book.event.c.id == 5).values(created_at=clock.now() - timedelta(hours=1)))
    assert book.found() == [_MISMATCH, _CHANGED.format(5)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("user_id", 1),
        ("name", "phone"),
        ("client_name", "Reader"),
        ("changes", {"a": [1, 2]}),
        ("actor", "1"),
        ("address", None),
        ("device", "curl"),
        ("user_salt", None),
        ("actor_salt", "guessed"),
    ],
)
def test_what_is_personal_is_changed(book: Book, column: str, value: Any) -> None:
    book.sealed(3, 3)
    book.run(update(book.event).where(book.event.c.id == 5).values({column: value}))
    assert book.found() == ["What entry 5 says of a person was changed."]


def test_what_two_entries_say_of_persons_is_exchanged(book: Book) -> None:
    book.sealed(3)
    one, other = book.rows()[:2]
    for here, there in ((one, other), (other, one)):
        values = {name: there._mapping[name] for name in ("user_id", "name", "user_salt", "actor", "actor_salt")}
        book.run(update(book.event).where(book.event.c.id == here.id).values(values))
    assert book.found() == [f"What entry {number} says of a person was changed." for number in (1, 2)]


def test_names_that_are_nobody_s_stand_in_the_open_and_are_sealed(book: Book) -> None:
    book.write(None, client_name="Reader")
    book.server.seals.step()
    for values in ({"client_name": "Other"}, {"client_name": "Reader", "user_id": 1}, {"user_id": None, "actor": "x"}):
        book.run(update(book.event).values(values))
        assert book.found()[-1] in (_CHANGED.format(1), "What entry 1 says of a person was changed.")


def test_a_removed_entry(book: Book) -> None:
    book.sealed(3, 3, 3)
    book.run(delete(book.event).where(book.event.c.id == 5))
    assert book.found() == [_MISMATCH, "Entries of seal 2 were removed: 1."]
    book.run(delete(book.event).where(book.event.c.seal == 2))
    assert book.found() == [_MISMATCH, "Entries of seal 2 were removed: 3."]


def test_an_entry_taken_out_of_its_seal(book: Book) -> None:
    """Another seal over it does not hide that."""
    book.sealed(3, 3, 3)
    book.run(update(book.event).where(book.event.c.id == 5).values(seal=None))
    assert book.server.seals.step() == 1
    assert book.found() == [_MISMATCH, "Entries of seal 2 were removed: 1."]


def test_an_entry_moved_to_another_seal(book: Book) -> None:
    book.sealed(3, 3)
    book.run(update(book.event).where(book.event.c.id == 3).values(seal=2))
    assert book.found() == [
        "Seal 1, over entries 1 to 3, does not match.",
        "Entries of seal 1 were removed: 1.",
        _MISMATCH,
        "Entries were put under seal 2: 1.",
    ]


@pytest.mark.parametrize("seal", [1, None])
def test_an_inserted_entry(book: Book, seal: int | None) -> None:
    """Made up, and a copy of one that there was; under a seal, or left for the next one."""
    book.sealed(3)
    copied = {name: value for name, value in book.rows()[0]._mapping.items() if name not in ("id", "seal")}
    made_up = {"kind": "allowed", "created_at": clock.now(), "client_id": "reader"}
    for values in (copied, made_up):
        book.run(insert(book.event).values(seal=seal, **values))
    book.server.seals.step()
    found = book.found()
    assert [_CHANGED.format(number) in found for number in (3, 4, 5)] == [False, True, True]
    if seal:
        assert found[:2] == [
            "Seal 1, over entries 1 to 3, does not match.",
            "Entries were put under seal 1: 2.",
        ]


def test_entries_in_another_order(book: Book) -> None:
    book.sealed(3)
    for change in ((1, 90), (2, 1), (90, 2)):
        book.run(update(book.event).where(book.event.c.id == change[0]).values(id=change[1]))
    assert book.found() == ["Seal 1, over entries 1 to 3, does not match.", _CHANGED.format(1), _CHANGED.format(2)]


def test_a_removed_seal(book: Book) -> None:
    book.sealed(2, 2, 2, 2)
    book.run(delete(book.seal).where(book.seal.c.number.in_([2, 3])))
    assert book.found() == [
        "The seals 2 to 3 are missing.",
        "Entry 3 stands under seal 2, which does not exist.",
        "Entry 5 stands under seal 3, which does not exist.",
    ]
    book.run(delete(book.event).where(book.event.c.seal.in_([2, 3])))
    assert book.found() == ["The seals 2 to 3 are missing."]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("mac", "0" * 64),
        ("rows_digest", "0" * 64),
        ("count", 2),
        ("first_event", 3),
        ("last_event", 7),
        ("created_at", None),
        ("first_at", None),
        ("last_at", None),
    ],
)
def test_a_changed_seal(book: Book, column: str, value: Any) -> None:
    book.sealed(3, 3, 3)
    value = clock.now() - timedelta(days=30) if value is None else value
    book.run(update(book.seal).where(book.seal.c.number == 2).values({column: value}))
    found = book.found()
    assert "Seal 2 was changed, or was not made by this server." in found
    assert ("Seal 3 does not continue the seal before it." in found) == (column == "mac")


def test_renumbered_seals(book: Book) -> None:
    """The second is removed and the third put in its place, with its entries."""
    book.sealed(3, 3, 3)
    book.run(delete(book.event).where(book.event.c.seal == 2), delete(book.seal).where(book.seal.c.number == 2))
    book.run(update(book.event).where(book.event.c.seal == 3).values(seal=2))
    book.run(update(book.seal).where(book.seal.c.number == 3).values(number=2))
    assert book.found() == [
        "Seal 2 does not continue the seal before it.",
        "Seal 2 was changed, or was not made by this server.",
    ]


def test_seals_of_strange_numbers(book: Book) -> None:
    book.sealed(2)
    forged = {name: value for name, value in book.rows(book.seal)[0]._mapping.items() if name != "id"}
    for number in (-3, 0, 9):
        book.run(insert(book.seal).values({**forged, "number": number, "count": 1}))
        book.run(insert(book.event).values(seal=number, kind="allowed", created_at=clock.now()))
    assert [finding.seal for finding in book.verify().findings if "not made by this server" in finding.text] == [
        -3,
        0,
        9,
    ]


def test_a_cut_tail_is_seen_by_who_has_noted_the_last_seal(book: Book) -> None:
    book.sealed(3, 3, 3)
    last = book.verify().last
    assert book.found(last) == []
    book.run(delete(book.event).where(book.event.c.seal == 3), delete(book.seal).where(book.seal.c.number == 3))
    assert book.found() == []
    assert book.found(last) == ["Seal 3, which was the last one once, is missing: the end was cut off."]
    book.sealed(2)
    assert book.found() == []
    assert book.found(last) == ["Seal 3 is not the one that was noted."]


def test_all_seals_are_removed(book: Book) -> None:
    book.sealed(3, 3)
    last = book.server.seals.last()
    book.run(delete(book.seal))
    assert len(book.found()) == 2
    book.run(update(book.event).values(seal=None))
    assert book.server.seals.everything() == 6
    assert book.found(last) == ["Seal 2, which was the last one once, is missing: the end was cut off."]


@pytest.mark.parametrize("last", ["", "3", "3:abc", "x:" + "0" * 64, "-1:" + "0" * 64, "9" * 30 + ":" + "0" * 64])
def test_what_is_no_seal(book: Book, last: str) -> None:
    with pytest.raises(ValueError, match="is no seal"):
        book.verify(last)


def test_values_that_are_none_of_their_columns(book: Book) -> None:
    """SQLite takes anything."""
    book.sealed(2, 2)
    book.write(1)
    book.run(text("UPDATE oauth2_audit_event SET changes = '{' WHERE id = 3"))
    assert book.found() == ["Entries under the seals 1 to 2 cannot be read."]
    book.run(text("UPDATE oauth2_audit_event SET created_at = 'noon' WHERE id = 5"))
    assert book.found()[1:] == ["Entries after 0, which are not sealed yet, cannot be read."]
    book.run(text("UPDATE oauth2_audit_seal SET last_at = 'noon' WHERE number = 1"))
    assert book.found()[0] == "The seals after seal 0 cannot be read."


def test_findings_are_counted_beyond_the_thousandth(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_oauth2server.domain.verification.MOST_FINDINGS", 3)
    book.sealed(4)
    book.run(update(book.event).values(kind="x"))
    verdict = book.verify()
    assert (len(verdict.findings), verdict.found, verdict.unbroken) == (3, 5, False)


# --- erased ---------------------------------------------------------------------------------------


def test_a_person_who_is_erased_breaks_no_seal(any_book: Book) -> None:
    book, oauth2 = any_book, any_book.provider.oauth2
    book.sealed(4)
    by_bob = audit.Actor(audit.ADMINISTRATOR, "2")
    book.server.storage.unit.run(
        lambda: book.server.audit.note(audit.CLIENT_CHANGED, 1, actor=by_bob, client_name="Ada's", address="192.0.2.2")
    )
    book.write(1, 2)
    oauth2.forget_user(book.provider.user("ada"))
    rows = book.rows()
    assert [row.user_id for row in rows] == [None, 2, None, 2, None, None, 2, None]
    assert [row.actor for row in rows] == [None, "2", None, "2", "2", None, "2", None]
    assert [row.address is None for row in rows] == [True, False, True, False, False, True, False, True]
    assert not any(name in str(rows) for name in ("Ada's", "laptop of 1"))
    assert rows[-1].changes == {"entries": [4, 0]}
    book.server.seals.step()
    verdict = book.verify()
    assert (verdict.findings, verdict.entries, verdict.erased) == ([], 8, 4)
    oauth2.forget_user(book.provider.user("bob"))
    verdict = book.verify()
    assert (verdict.findings, verdict.entries, verdict.erased) == ([], 9, 7)
    assert all(row.user_id is row.name is row.actor is row.address is None for row in book.rows())


def test_tampering_is_found_after_somebody_was_erased(book: Book) -> None:
    book.sealed(4)
    book.server.storage.unit.run(lambda: book.server.storage.users.forget(1))
    assert book.found() == []
    first, last = "Seal 1, over entries 1 to 4, does not match.", "What entry {0} says of a person was changed."
    for values, expected in (
        ({"kind": "denied"}, [first, _CHANGED.format(1)]),
        ({"kind": "token made", "user_id": 2}, [last.format(1)]),
        ({"user_id": None, "name": "laptop"}, [last.format(1)]),
        ({"name": None, "user_salt": "x"}, []),  # as where a foreign key took the user: taken out again, later
        ({"user_salt": None, "actor_salt": "x"}, [last.format(1)]),
    ):
        book.run(update(book.event).where(book.event.c.id == 1).values(values))
        assert book.found() == expected
    book.run(delete(book.event).where(book.event.c.id == 3))
    assert "Entries of seal 1 were removed: 1." in book.found()


def test_a_user_whom_a_foreign_key_took_away(any_book: Book) -> None:
    """A host that deletes in bulk; what is left is taken out by the next clean-up."""
    book, session = any_book, any_book.provider.db.session
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA foreign_keys=ON"))
    book.sealed(4)
    if session.get_bind().dialect.name == "sqlite":
        session.rollback()
        session.execute(text("PRAGMA foreign_keys=ON"))
    session.execute(text("DELETE FROM test_user WHERE name = 'ada'"))
    session.commit()
    left = [row for row in book.rows() if row.user_id is None]
    assert [row.name for row in left] == ["laptop of 1"] * 2
    verdict = book.verify()
    assert (verdict.findings, verdict.erased) == ([], 2)
    book.provider.oauth2.purge()
    left = [row for row in book.rows() if row.user_id is None]
    assert [(row.name, row.user_salt, row.actor, row.address) for row in left] == [(None,) * 4] * 2
    verdict = book.verify()
    assert (verdict.findings, verdict.erased) == ([], 2)


def test_nothing_can_be_forged_behind_a_foreign_key(any_book: Book) -> None:
    """Where the user is taken away, no digest can be compared: what stands there is not shown, and goes."""
    any_book.write(1, changes={"name": ["a", "b"]})
    forged = {"user_id": None, "changes": {"name": ["a", "forged"]}, "client_name": "Forged", "name": "forged"}
    any_book.run(update(any_book.event).values(**forged))
    (shown,) = any_book.server.storage.audit_events.page(limit=10)
    assert (shown.changes, shown.client_name, shown.name) == (None, None, None)
    verdict = any_book.provider.oauth2.verify_audit()
    assert (verdict.unbroken, verdict.erased) == (True, 1)
    assert (any_book.rows()[0].changes, any_book.rows()[0].client_name) == (None, None)
    exported = list(any_book.provider.oauth2.export_audit())
    assert "orged" not in str(exported)


def test_a_user_whom_the_session_deletes(any_book: Book) -> None:
    book, session = any_book, any_book.provider.db.session
    book.sealed(4)
    session.delete(book.provider.user("ada"))
    session.rollback()
    assert len(book.rows()) == 4
    session.delete(book.provider.user("ada"))
    session.commit()
    assert [row.user_id for row in book.rows()] == [None, 2, None, 2, None]
    told = book.rows()[-1]
    assert (told.kind, told.actor, told.changes) == ("user erased", None, {"entries": [2, 0]})
    verdict = book.verify()
    assert (verdict.findings, verdict.erased) == ([], 2)


# --- how long -------------------------------------------------------------------------------------


def test_old_entries_go_and_the_chain_stays(any_database: str) -> None:
    provider = build(any_database, config={"OAUTH2_AUDIT_EXPIRES_IN": 30 * DAY})
    with provider.app.app_context():
        book = Book(provider)
        book.sealed(3, 2)
        with later(days=20):
            book.sealed(2)
            book.write(1)
        with later(days=31):
            assert provider.oauth2.purge() == 5
            verdict = book.verify()
            assert (verdict.findings, verdict.seals, verdict.entries, verdict.aged) == ([], 4, 3, 5)
            assert book.server.seals.purge(100) == 0
        book.run(delete(book.event).where(book.event.c.seal == 3))
        assert book.found() == [
            "Seal 3, over entries 6 to 7, does not match.",
            "Entries of seal 3 were removed: 2.",
        ]
    close(provider)


def test_who_has_no_key_cannot_say_that_they_were_old(book: Book) -> None:
    book.sealed(2, 2)
    with later(days=400):
        book.server.storage.unit.run(lambda: book.server.seals.purge(1))
    old = book.rows(book.seal)[0]
    assert [row.seal for row in book.rows()] == [2, 2]
    book.run(delete(book.event).where(book.event.c.seal == 2))
    proof = {"purged_at": old.purged_at, "purge_mac": old.purge_mac}
    for values in (proof, {"purged_at": clock.now()}, {"purge_mac": "x"}):
        book.run(update(book.seal).where(book.seal.c.number == 2).values(values))
        (found,) = book.found()
        assert found.startswith("The entries ")
        assert "of seal 2 were removed" in found
    book.run(update(book.seal).where(book.seal.c.number == 1).values(purged_at=None, purge_mac=None))
    assert "Entries of seal 1 were removed: 2." in book.found()


def test_a_seal_that_was_set_back_in_time_makes_nobody_remove_its_entries(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """Or whoever can write to the database would let the server destroy what is to be proved."""
    book.sealed(3, 2)
    (first, _), numbered = book.rows(book.seal), book.seal.c.number == 1
    for values in ({"last_at": first.last_at - timedelta(days=4000)}, {"rows_digest": "0" * 64}):
        tampered = {"last_at": first.last_at - timedelta(days=4000), **values}
        book.run(update(book.seal).where(numbered).values(**tampered))
        assert book.server.storage.unit.run(lambda: book.server.seals.purge(100)) == 0
        book.run(update(book.seal).where(numbered).values(last_at=first.last_at, rows_digest=first.rows_digest))
    assert caplog.text.count("seal 1 of the audit was changed") == 2
    assert len(book.rows()) == 5
    assert book.verify().unbroken


def test_a_seal_that_says_its_entries_were_removed(book: Book) -> None:
    book.sealed(2)
    book.run(update(book.seal).values(purged_at=clock.now(), purge_mac="x:y"))
    assert "The entries of seal 1 are there, though it says they were removed." in book.found()


def test_behind_a_seal_that_was_changed_old_entries_go_all_the_same(book: Book) -> None:
    book.sealed(2, 2)
    book.run(update(book.seal).where(book.seal.c.number == 1).values(mac="0" * 64))
    with later(days=366):
        # Each of the first two proves its own age.
        assert book.server.storage.unit.run(lambda: book.server.seals.purge(100)) == 4
    found = " ".join(book.found())
    assert "Seal 1 was changed" in found
    assert "did not match when its entries were removed" in found


def test_another_time_to_keep_them_accuses_nobody(make: Make) -> None:
    short = make(config={"OAUTH2_AUDIT_EXPIRES_IN": DAY})
    url = short.app.config["SQLALCHEMY_DATABASE_URI"]
    with short.app.app_context():
        Book(short).sealed(2)
        with later(days=2):
            assert short.oauth2.purge() == 2
    long = build(url, config={"OAUTH2_AUDIT_EXPIRES_IN": 365 * DAY}, fresh=False)
    with long.app.app_context():
        verdict = Book(long).verify()
        assert (verdict.findings, verdict.aged) == ([], 2)
    close(long)


def test_what_was_broken_when_it_was_removed_is_not_forgotten(book: Book) -> None:
    book.sealed(3, 3)
    book.run(update(book.event).where(book.event.c.id == 5).values(kind="used"))
    with later(days=400):
        book.server.storage.unit.run(lambda: book.server.seals.purge(1000))
    assert book.rows() == []
    assert book.found() == ["Seal 2 did not match when its entries were removed for their age."]


# --- keys -----------------------------------------------------------------------------------------


def test_keys_change(make: Make) -> None:
    first = make(config={"SECRET_KEY": "the first secret"})
    url = first.app.config["SQLALCHEMY_DATABASE_URI"]

    def again(**config: Any) -> list[str]:
        provider = build(url, config=config, fresh=False)
        with provider.app.app_context():
            Book(provider).sealed(1)
            found = Book(provider).found()
        close(provider)
        return found

    with first.app.app_context():
        Book(first).sealed(1)
    own, former = "an audit key of its own", "an audit key of before"
    assert again(SECRET_KEY=b"the second secret", SECRET_KEY_FALLBACKS=["the first secret"]) == []
    fallbacks = ["the first secret", "the second secret"]
    assert again(SECRET_KEY="x", SECRET_KEY_FALLBACKS=fallbacks, OAUTH2_AUDIT_KEY=former) == []
    both = {"OAUTH2_AUDIT_KEY": own, "OAUTH2_AUDIT_KEY_FALLBACKS": [former, "the first secret"]}
    assert again(**both) == [
        "Seal 2 was made with a key that is not configured.",
        "Entry 2 was written with a key that is not configured.",
    ]
    assert again(**both, SECRET_KEY="the second secret") == []


def test_a_key_that_is_short_is_refused(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="OAUTH2_AUDIT_KEY must be a random text of 16 characters"):
        make(config={"OAUTH2_AUDIT_KEY": "short"})


def test_a_seal_is_no_entry_and_no_removal(book: Book) -> None:
    """Each signature is made for one purpose."""
    book.sealed(1)
    (seal,) = book.rows(book.seal)
    book.run(update(book.seal).values(purged_at=seal.created_at, purge_mac=f"{seal.key_id}:{seal.mac}"))
    book.run(delete(book.event))
    assert book.found() == ["The entries 1 to 1 of seal 1 were removed."]


# --- what a page tells ----------------------------------------------------------------------------


def test_the_summary_looks_at_the_last_few_seals(book: Book) -> None:
    nothing = book.server.seals.summary()
    assert (nothing.newest.unbroken, nothing.last, nothing.verified_at) == (True, None, None)
    book.sealed(*[60] * 7)
    book.write(1)
    book.provider.oauth2.verify_audit()
    told = book.server.seals.summary()
    assert (told.newest.seals, told.newest.entries, told.newest.unsealed) == (5, 242, 1)
    assert (told.verified_entries, told.verified_findings, told.last) == (421, 0, book.server.seals.last())
    assert told.verified_at is not None
    assert told.sealed_at is not None
    assert told.newest.findings == []
    book.run(update(book.event).where(book.event.c.id.in_([1, 421])).values(kind="x"))
    told = book.server.seals.summary()
    assert [finding.entry for finding in told.newest.findings] == [None, 421]
    book.provider.oauth2.verify_audit()
    assert book.server.seals.summary().verified_findings == 4
