"""What differs between what was sent and what was expected, character by character."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ..text import Sentence


class Piece(NamedTuple):
    """A part of a text, and whether the other text does not have it there."""

    text: str
    differs: bool


class Difference(NamedTuple):
    """Two texts beside one another.

    :ivar sent: what came, in pieces.
    :ivar expected: the nearest of what was expected, in pieces; empty where nothing was.
    :ivar others: how many more were expected.
    :ivar position: the number of the first character that differs, beginning with 1; 0: none does.
    :ivar sentence: what it amounts to.
    """

    sent: tuple[Piece, ...]
    expected: tuple[Piece, ...]
    others: int
    position: int
    sentence: Sentence


def between(sent: str, expected: Sequence[str]) -> Difference:
    """The difference between *sent* and the nearest of *expected*."""
    if not expected:
        return Difference((Piece(sent, True),), (), 0, 1, Sentence("Nothing is registered that it could be."))
    nearest = max(expected, key=lambda known: difflib.SequenceMatcher(None, sent, known, autojunk=False).ratio())
    matcher = difflib.SequenceMatcher(None, sent, nearest, autojunk=False)
    ours, theirs = [], []
    for tag, a, b, c, d in matcher.get_opcodes():
        ours.append(Piece(sent[a:b], tag != "equal"))
        theirs.append(Piece(nearest[c:d], tag != "equal"))
    same = next((i for i, pair in enumerate(zip(sent, nearest, strict=False)) if pair[0] != pair[1]), None)
    position = 0 if sent == nearest else (min(len(sent), len(nearest)) if same is None else same) + 1
    return Difference(_joined(ours), _joined(theirs), len(expected) - 1, position, _sentence(sent, nearest))


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    return tuple(piece for piece in pieces if piece.text)


def _sentence(sent: str, known: str) -> Sentence:
    """What the difference amounts to, the plainest first."""
    for is_so, message in _PLAIN:
        if is_so(sent, known):
            return Sentence(message)
    if "://" in sent and "://" in known:
        return _of_addresses(sent, known)
    return Sentence("They are not the same.")


_PLAIN: tuple[tuple[Callable[[str, str], bool], str], ...] = (
    (lambda a, b: a == b, "They are the same now: it was changed since."),
    (lambda a, b: a == f"{b}/", "One character more: a slash at the end."),
    (lambda a, b: f"{a}/" == b, "One character less: the slash at the end is missing."),
    (lambda a, b: a.strip() == b, "Spaces or line ends stand around it."),
    (lambda a, b: a.strip("\"'<>") == b, "Quotes or brackets stand around it."),
    (lambda a, b: unquote(a) == b, "It is percent-encoded once more than the registered one."),
    (lambda a, b: a == unquote(b), "It is percent-encoded once less than the registered one."),
    (lambda a, b: a.lower() == b.lower(), "Capital and small letters differ."),
)


def _of_addresses(sent: str, known: str) -> Sentence:
    try:
        one, other = urlsplit(sent), urlsplit(known)
    except ValueError:
        return Sentence("The one that was sent is no whole address.")
    if one._replace(scheme="") == other._replace(scheme=""):
        return Sentence("One begins with %(sent)s, the other with %(known)s.", sent=one.scheme, known=other.scheme)
    for name, message in _PARTS.items():
        if getattr(one, name) != getattr(other, name):
            return Sentence(message)
    return Sentence("They are not the same.")


#: The first part that differs says most.
_PARTS = {
    "scheme": "They begin with different schemes.",
    "netloc": "The host or the port is another one.",
    "path": "The path is another one.",
    "query": "The query is another one: what stands behind the ? is compared, too.",
    "fragment": "A part behind a # was sent, which no redirect URI has.",
}
