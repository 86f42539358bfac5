"""Verification of the audit: every entry, every seal, and the chain, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from ..storage import Storage
from ..text import Sentence
from . import fingerprints
from .fingerprints import ENTRY, REMOVED, REMOVED_BROKEN, SEAL, Keyring

#: Before any seal: a forged one may have a number below 1.
_FIRST = -(2**62)
#: What reading a value raises that is none of its column; SQLite takes anything.
_DAMAGED = (ValueError, TypeError, OverflowError)
#: So many findings are told; the others are counted.
MOST_FINDINGS = 1000
#: So many entries are looked at in one piece.
_PIECE = 1000
#: What a page looks at each time, of the newest: seals, and entries under them.
_NEWEST_SEALS, _NEWEST_ENTRIES = 10, 250


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was.

    :ivar text: says it, and can be translated.
    :ivar seal: the number of the seal, if it is about one.
    :ivar entry: the key of the entry, if it is about one.
    """

    text: Sentence
    seal: int | None = None
    entry: int | None = None


@dataclass
class Verdict:
    """What a verification says.

    :ivar findings: what is not as it was, in order; a thousand at most.
    :ivar found: how many there were.
    :ivar seals: how many seals were looked at.
    :ivar entries: how many entries, sealed or not.
    :ivar erased: of them those out of which a person was taken.
    :ivar unsealed: of them those that are not sealed yet.
    :ivar aged: how many more were removed for their age.
    :ivar last: number and HMAC of the last seal that was looked at, to be kept elsewhere.
    """

    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    seals: int = 0
    entries: int = 0
    erased: int = 0
    unsealed: int = 0
    aged: int = 0
    last: str | None = None

    @property
    def unbroken(self) -> bool:
        """Whether all is as it was written."""
        return self.found == 0

    def add(self, piece: Verdict) -> None:
        """Take in what a further piece says."""
        self.findings += piece.findings[: MOST_FINDINGS - len(self.findings)]
        for name in ("found", "seals", "entries", "erased", "unsealed", "aged"):
            setattr(self, name, getattr(self, name) + getattr(piece, name))
        self.last = piece.last or self.last

    def tell(self, sentence: Sentence, *, seal: Any = None, entry: int | None = None, **variables: Any) -> None:
        """Note a finding; numbers in the sentence have their thousands told apart."""
        self.found += 1
        if seal is not None:
            variables |= {"seal": seal.number, "first": seal.first_event, "last": seal.last_event}
        shown = {k: f"{v:,}" if isinstance(v, int) else v for k, v in {**variables, "entry": entry}.items()}
        number = None if seal is None else seal.number
        self.findings.append(Finding(Sentence(sentence.message, **shown), number, entry))


def seal_line(seal: Mapping[str, Any]) -> bytes:
    """The canonical text of a seal."""
    names = ("number", "previous", "count", "first_event", "last_event", "rows_digest")
    times = ("created_at", "first_at", "last_at")
    return fingerprints.canonical([*(seal[name] for name in names), *(seal[name].isoformat() for name in times)])


def removal_line(seal: Any, purged_at: datetime) -> bytes:
    """The canonical text of what proves that events were removed for their age."""
    return fingerprints.canonical([seal.number, seal.mac, purged_at.isoformat()])


def rows_digest(rows: Iterable[Any]) -> str:
    """The fingerprint of the events of a seal, in order of their keys."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(fingerprints.line(row._mapping) + f"\n{row.mac}\n".encode())
    return digest.hexdigest()


def matches(seal: Any, rows: list[Any]) -> bool:
    """Whether these are the events of a seal; their number is in their fingerprint."""
    return bool(len(rows) == seal.count and rows_digest(rows) == seal.rows_digest)


class Verification:
    """One run.

    :param storage: the queries.
    :param keyring: the keys.
    """

    def __init__(self, storage: Storage, keyring: Keyring) -> None:
        self._storage = storage
        self._keyring = keyring
        self._before: Any = None
        self._verdict = Verdict()

    def run(self, last: str | None = None) -> Verdict:
        """All of it; a transaction is not held for longer than a piece.

        :param last: the last seal that there was once, as ``207:9f...``.
        :raises ValueError: if it is none.
        """
        noted = None if last is None else _parsed(last)
        unit = self._storage.unit
        while seals := unit.run(self._next_seals):
            self._verdict.add(unit.run(partial(self._piece, self._before, seals)))
            self._before = seals[-1]
        after = 0
        while rows := unit.run(partial(self._next_unsealed, after)):
            self._verdict.add(self._unsealed(rows))
            after = rows[-1].id
        self._verdict.add(unit.run(self._strays))
        if noted is not None:
            self._verdict.add(unit.run(partial(self._end, *noted)))
        return self._verdict

    def run_newest(self) -> Verdict:
        """The last few seals, and what is not sealed yet, as far as a page has the time."""
        seals = self._storage.audit_seals
        last = seals.last()
        if last is not None:
            page = seals.page(last.number - _NEWEST_SEALS - 1, _NEWEST_SEALS + 1)
            total, first = 0, len(page)
            while first and (first == len(page) or total + page[first - 1].count <= _NEWEST_ENTRIES):
                first -= 1
                total += page[first].count
            before = page[first - 1] if first else seals.numbered(page[0].number - 1)
            self._verdict.add(self._piece(before, page[first:]))
        self._verdict.add(self._unsealed(self._next_unsealed(0, _NEWEST_ENTRIES)))
        return self._verdict

    def _next_unsealed(self, after: int, limit: int = _PIECE) -> list[Any]:
        try:
            return self._storage.audit_events.unsealed(after=after, limit=limit)
        except _DAMAGED:
            text = Sentence("Entries after %(after)s, which are not sealed yet, cannot be read.")
            self._verdict.tell(text, after=after)
            return []

    def _next_seals(self) -> list[Any]:
        """So many as have the entries of a piece; one at least."""
        after, total = self._before.number if self._before else _FIRST, 0
        found: list[Any] = []
        try:
            page = self._storage.audit_seals.page(after, 100)
        except _DAMAGED:
            self._verdict.tell(Sentence("The seals after seal %(after)s cannot be read."), after=max(after, 0))
            return []
        for seal in page:
            total += seal.count
            if found and total > _PIECE:
                break
            found.append(seal)
        return found

    def _piece(self, before: Any, seals: list[Any]) -> Verdict:
        piece = Verdict()
        under = self._read(piece, seals)
        for seal in seals:
            self._look_at_seal(piece, before, seal)
            if under is not None:
                self._look_at_entries(piece, seal, under.get(seal.number, []))
            before = seal
        piece.last = f"{before.number}:{before.mac}"
        return piece

    def _read(self, piece: Verdict, seals: list[Any]) -> dict[int, list[Any]] | None:
        """The entries under *seals*, or None if somebody has put in what is no value of its column."""
        first, last = seals[0].number, seals[-1].number
        try:
            rows = self._storage.audit_events.under(first, last)
        except _DAMAGED:
            piece.tell(Sentence("Entries under the seals %(from_)s to %(to)s cannot be read."), from_=first, to=last)
            return None
        return {number: list(group) for number, group in groupby(rows, key=lambda row: row.seal)}

    def _look_at_seal(self, piece: Verdict, before: Any, seal: Any) -> None:
        piece.seals += 1
        expected = before.number + 1 if before else 1
        if seal.number > expected:
            missing = {"from_": expected, "to": seal.number - 1}
            piece.tell(Sentence("The seals %(from_)s to %(to)s are missing."), **missing)
        elif seal.previous != (before.mac if before else ""):
            piece.tell(Sentence("Seal %(seal)s does not continue the seal before it."), seal=seal)
        good = self._keyring.check(SEAL, seal_line(seal._mapping), f"{seal.key_id}:{seal.mac}")
        if good is None:
            piece.tell(Sentence("Seal %(seal)s was made with a key that is not configured."), seal=seal)
        elif not good:
            piece.tell(Sentence("Seal %(seal)s was changed, or was not made by this server."), seal=seal)

    def _look_at_entries(self, piece: Verdict, seal: Any, rows: list[Any]) -> None:
        if not rows and seal.count:
            seal = self._storage.audit_seals.numbered(seal.number) or seal  # they may have been removed just now
        if not rows and seal.purge_mac is not None and seal.purged_at is not None:
            self._look_at_removal(piece, seal)
        elif rows and seal.purged_at is not None:
            piece.tell(Sentence("The entries of seal %(seal)s are there, though it says they were removed."), seal=seal)
        elif not matches(seal, rows):
            piece.tell(Sentence("Seal %(seal)s, over entries %(first)s to %(last)s, does not match."), seal=seal)
            if len(rows) < seal.count:
                gone = seal.count - len(rows)
                piece.tell(Sentence("Entries of seal %(seal)s were removed: %(gone)s."), seal=seal, gone=gone)
            elif len(rows) > seal.count:
                more = len(rows) - seal.count
                piece.tell(Sentence("Entries were put under seal %(seal)s: %(more)s."), seal=seal, more=more)
        self._look_at_each(piece, rows, seal)

    def _look_at_removal(self, piece: Verdict, seal: Any) -> None:
        line = removal_line(seal, seal.purged_at)
        whole = self._keyring.check(REMOVED, line, seal.purge_mac)
        if whole is None:
            piece.tell(
                Sentence("The entries of seal %(seal)s were removed under a key that is not configured."), seal=seal
            )
        elif whole:
            piece.aged += seal.count
        elif self._keyring.check(REMOVED_BROKEN, line, seal.purge_mac):
            piece.aged += seal.count
            piece.tell(Sentence("Seal %(seal)s did not match when its entries were removed for their age."), seal=seal)
        else:
            piece.tell(Sentence("The entries %(first)s to %(last)s of seal %(seal)s were removed."), seal=seal)

    def _look_at_each(self, piece: Verdict, rows: Iterable[Any], seal: Any = None) -> None:
        for row in rows:
            entry = row._mapping
            piece.entries += 1
            piece.erased += fingerprints.is_erased(entry)
            good = self._keyring.check(ENTRY, fingerprints.line(entry), row.mac) if row.mac else False
            text = None
            if good is None:
                text = Sentence("Entry %(entry)s was written with a key that is not configured.")
            elif not good:
                text = Sentence("Entry %(entry)s was changed, or was not written by this server.")
            elif not fingerprints.is_true(entry):
                text = Sentence("What entry %(entry)s says of a person was changed.")
            if text is not None:
                piece.tell(text, entry=row.id, seal=seal)

    def _unsealed(self, rows: list[Any]) -> Verdict:
        piece = Verdict(unsealed=len(rows))
        self._look_at_each(piece, rows)
        return piece

    def _strays(self) -> Verdict:
        piece = Verdict()
        for row in self._storage.audit_events.under_none():
            text = Sentence("Entry %(entry)s stands under seal %(number)s, which does not exist.")
            piece.tell(text, entry=row.first, number=row.seal)
        return piece

    def _end(self, number: int, mac: str) -> Verdict:
        piece, seal = Verdict(), self._storage.audit_seals.numbered(number)
        if seal is None:
            piece.tell(
                Sentence("Seal %(number)s, which was the last one once, is missing: the end was cut off."),
                number=number,
            )
        elif seal.mac != mac:
            piece.tell(Sentence("Seal %(number)s is not the one that was noted."), number=number, seal=seal)
        return piece


def _parsed(last: str) -> tuple[int, str]:
    number, _, mac = last.partition(":")
    if not number.isdecimal() or len(number) > 18 or len(mac) != 64:
        raise ValueError(f"{last!r} is no seal: it is written as its number, a colon and 64 letters and digits.")
    return int(number), mac
