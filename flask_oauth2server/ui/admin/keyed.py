"""Lists of administrators that are turned by key, newest first: however long they are, a page is quick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from ..listing import PAGE
from .visit import BLUEPRINT

_LONGEST = 200


@dataclass(frozen=True)
class Turned:
    """One page of a list.

    :ivar rows: as they were found, or as the template shows them.
    """

    rows: Sequence[Any]
    newer_url: str | None
    older_url: str | None


def typed(name: str) -> str:
    """What was typed into a field of a filter bar."""
    return request.args.get(name, "").replace("\0", "").strip()[:_LONGEST]


def number(text: str) -> int | None:
    """A key as it stands in an address, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def turned(
    endpoint: str,
    find: Callable[[int | None, int], list[Any]],
    newer: Callable[[int, int], list[int]],
    **filters: Any,
) -> Turned:
    """The page of a list that the address asks for.

    :param find: ``after`` and a limit in; rows with an ``id`` out, newest first.
    :param newer: a key and a limit in; the keys of the next newer rows out, oldest first.
    :param filters: what the address has beside ``after``.
    """
    after = number(request.args.get("after", ""))
    found = find(after, PAGE + 1)
    if after is not None and not found:  # what stood there has gone
        after, found = None, find(None, PAGE + 1)
    chosen: dict[str, Any] = {name: value for name, value in filters.items() if value}

    def address(key: int | None) -> str:
        return url_for(f"{BLUEPRINT}.{endpoint}", **chosen, after=key)

    rows, newer_url = found[:PAGE], None
    if after is not None:
        before = newer(after - 1, PAGE + 1)
        newer_url = address(before[PAGE] if len(before) > PAGE else None)
    return Turned(rows, newer_url, address(rows[-1].id) if len(found) > PAGE else None)
