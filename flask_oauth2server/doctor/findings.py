"""What a check finds, and what all of them found together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .patient import Patient

#: Mend it now: strangers can use it, or clients are refused.
BAD = "bad"
#: Mend it soon: a protection is missing, or something is about to fail.
WARN = "warn"
#: Good to know. Nothing is wrong.
NOTE = "note"
LEVELS = (BAD, WARN, NOTE)


class Symptom(NamedTuple):
    """What one check found.

    :param level: ``bad``, ``warn`` or ``note``.
    :param fact: a sentence that says what is so.
    :param remedy: what follows from it, and what mends it; names and lines of code stand in backticks.
    """

    level: str
    fact: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """A :class:`Symptom` with the name of the check that found it."""

    check: str
    level: str
    fact: str
    remedy: str


@dataclass(frozen=True)
class Overview:
    """All findings, the worst first.

    :param findings: what was found.
    :param passed: how many checks found nothing.
    :param checked_at: when the network was last asked (naive UTC), or None if it never was.
    """

    findings: tuple[Finding, ...]
    passed: int
    checked_at: datetime | None

    @property
    def is_well(self) -> bool:
        """Whether nothing worse than a note was found."""
        return all(finding.level == NOTE for finding in self.findings)


class Check(NamedTuple):
    """A row of the table of checks.

    :param name: by which the documentation and findings call it.
    :param find: looks, and returns what it found.
    :param database: whether it needs the tables.
    :param network: whether it asks the network, which is done on the command line only.
    """

    name: str
    find: Callable[[Patient], Iterable[Symptom]]
    database: bool = False
    network: bool = False


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """*findings* in the order of their levels; alike ones stay in the order of the table."""
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.level)))
