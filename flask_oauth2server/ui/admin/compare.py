"""What was sent beside what was expected, as the page of a failure shows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ...domain.differences import Piece
from ...domain.why import Explanation
from ...text import _

#: Causes whose values are compared word by word, and character by character; others as a whole.
_BY_WORD = ("scope_refused", "scope_withdrawn", "scope_not_held")
_BY_CHARACTER = ("redirect_uri_not_registered", "redirect_uri_withdrawn", "redirect_uri_changed")


@dataclass(frozen=True)
class Sides:
    """Two sides, in pieces.

    :ivar expected: each of those that were expected, the nearest first.
    """

    sent: Sequence[Piece]
    expected: Sequence[Sequence[Piece]]


def sides(explained: Explanation) -> Sides | None:
    """The two sides; None where there is nothing to compare."""
    difference, facts, cause = explained.difference, explained.row.facts, explained.row.cause
    if difference is None:
        return None
    sent, expected = facts["sent"], [str(one) for one in facts["expected"]]
    if cause in _BY_WORD:
        had, wanted = sent.split(), " ".join(expected).split()
        wrong = facts.get("refused") or ([] if "missing" in facts else set(had) - set(wanted))
        return Sides(_words(had, wrong), [_words(wanted, facts.get("missing") or ())] if wanted else [])
    if cause in _BY_CHARACTER:
        nearest = "".join(piece.text for piece in difference.expected)
        others = [(Piece(one, False),) for one in expected if one != nearest]
        return Sides(difference.sent, [difference.expected, *others] if expected else [])
    return Sides((Piece(sent, False),) if sent else (), [(Piece(one, False),) for one in expected])


def _words(words: Sequence[str], marked: Collection[str]) -> list[Piece]:
    pieces: list[Piece] = []
    for word in words:
        pieces += [Piece(" ", False)] if pieces else []
        pieces.append(Piece(word, word in marked))
    return pieces


def clues(explained: Explanation) -> list[str]:
    """What is known beside the cause and the two sides, the most telling first."""
    difference = explained.difference
    found = [_(difference.sentence)] if difference is not None and explained.row.cause in _BY_CHARACTER else []
    return found + [_(hint) for hint in explained.hints]


def in_short(explained: Explanation) -> str:
    """The most telling clue, or one value where another one is right; it may be empty."""
    return next(iter([*clues(explained), *_values(explained.row.facts)]), "")


def _values(facts: dict[str, Any]) -> list[str]:
    sent, expected = facts.get("sent"), facts.get("expected")
    if not (isinstance(sent, str) and isinstance(expected, list) and expected and 0 < len(sent) < 40):
        return []
    return [_("Sent: %(sent)s. Expected: %(expected)s.", sent=sent, expected=", ".join(map(str, expected[:5])))]
