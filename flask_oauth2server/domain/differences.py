"""What differs between what was sent and what was expected, character by character."""

from __future__ import annotations

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
    nearest = max(expected, key=lambda known: (sum(_ends(sent, known)), -len(known)))
    head, tail = _ends(sent, nearest)
    position = 0 if sent == nearest else head + 1
    pieces = _pieces(sent, head, tail), _pieces(nearest, head, tail)
    return Difference(*pieces, len(expected) - 1, position, _sentence(sent, nearest))


def _ends(one: str, other: str) -> tuple[int, int]:
    """How many characters two texts have in common at the beginning, and at the end beyond that.

    Strangers choose both texts: the work grows with their length, and not with its square.
    """
    most = min(len(one), len(other))
    head = next((i for i in range(most) if one[i] != other[i]), most)
    return head, next((i for i in range(most - head) if one[-1 - i] != other[-1 - i]), most - head)


def _pieces(text: str, head: int, tail: int) -> tuple[Piece, ...]:
    end = len(text) - tail
    found = Piece(text[:head], False), Piece(text[head:end], True), Piece(text[end:], False)
    return tuple(piece for piece in found if piece.text)


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
