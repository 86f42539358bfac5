"""The audit is sealed while it is written: nobody waits, nothing is left out, nothing stands under two seals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flask_oauth2server.domain import seals
from flask_oauth2server.errors import Unavailable

from ..domain.test_seals import DAY, Book
from ..support import Provider
from ..ui.pages import later

WRITERS, SEALERS, EACH = 4, 3, 40


def together(provider: Provider, *tasks: Callable[[Book], Any]) -> None:
    """Each task in a thread and a session of its own; what one of them raises is raised here."""
    raised: list[BaseException] = []

    def run(task: Callable[[Book], Any]) -> None:
        try:
            with provider.app.app_context():
                task(Book(provider))
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "somebody waits"
    for error in raised:
        raise error


def test_writers_and_sealers(any_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST_EVENTS", 7)
    left = threading.Semaphore(0)

    def write(book: Book) -> None:
        try:
            for number in range(EACH):
                book.write(1 + number % 2)
        finally:
            left.release()

    def seal(book: Book) -> None:
        for _ in range(EACH * WRITERS):
            try:
                book.server.seals.step()
            except Unavailable:  # SQLite, which lets one write at a time; the next step is as good
                assert book.provider.db.engine.dialect.name == "sqlite"
            if left._value == WRITERS:
                break

    together(any_provider, *[write] * WRITERS, *[seal] * SEALERS)
    with any_provider.app.app_context():
        book = Book(any_provider)
        book.server.seals.everything()
        verdict = book.verify()
        assert (verdict.findings, verdict.entries, verdict.unsealed) == ([], EACH * WRITERS, 0)
        assert verdict.seals >= EACH * WRITERS // 7
        assert sum(seal.count for seal in book.rows(book.seal)) == EACH * WRITERS


@contextmanager
def open_transaction(provider: Provider, work: Callable[[Book], Any]) -> Iterator[Book]:
    """*work* is done, and not committed yet."""
    with provider.app.app_context():
        book = Book(provider)
        work(book)
        yield book
        provider.db.session.commit()


def test_a_writer_does_not_wait_for_a_sealer_nor_for_a_clean_up(any_provider: Provider) -> None:
    """On MariaDB above all, which locks places where something could be written."""
    if "sqlite" in any_provider.app.config["SQLALCHEMY_DATABASE_URI"]:
        pytest.skip("SQLite lets one write at a time")
    with any_provider.app.app_context():
        Book(any_provider).write(1, 2, 1, 2)
    with open_transaction(any_provider, lambda book: book.server.seals._seal()):
        together(any_provider, lambda book: book.write(1, None))
    with later(seconds=400 * DAY), open_transaction(any_provider, lambda book: book.server.seals.purge(1)) as cleaner:
        together(any_provider, lambda book: book.write(2, None))
        assert cleaner.server.seals.everything() == 4
    with any_provider.app.app_context():
        verdict = Book(any_provider).verify()
        assert (verdict.findings, verdict.entries, verdict.aged) == ([], 4, 4)


def test_the_second_to_make_a_seal_leaves_it_to_the_first(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        Book(any_provider).write(1, 2)
    if "sqlite" in any_provider.app.config["SQLALCHEMY_DATABASE_URI"]:
        pytest.skip("SQLite lets one write at a time")
    results: list[int] = []

    def step(book: Book) -> None:
        results.append(book.server.seals.step())

    with open_transaction(any_provider, lambda book: book.server.seals._seal()):
        second = threading.Thread(
            target=lambda: together(any_provider, lambda b: results.append(b.server.seals.step()))
        )
        second.start()
        second.join(0.5)
        assert second.is_alive(), "it waits to hear whether the first one succeeds"
    second.join(30)
    assert results == [0]
    with any_provider.app.app_context():
        assert Book(any_provider).verify().seals == 1
