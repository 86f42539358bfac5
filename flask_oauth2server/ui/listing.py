"""Lists that page and can be searched beyond 25 rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from flask import request, url_for

from .faces import Listing

PAGE = 25
_LONGEST_QUERY = 100


def listed(
    endpoint: str,
    param: str,
    find: Callable[[str, int, int], tuple[Sequence[Any], int]],
    shown: Callable[[Sequence[Any]], Sequence[Any]],
    *,
    most: int = sys.maxsize,
) -> Listing:
    """The page of a list that the address asks for.

    :param endpoint: the page that the list is on.
    :param param: its name: the section of the page, and what its parameters begin with.
    :param find: query, offset and limit in; rows and their total out.
    :param shown: rows as the template shows them.
    :param most: a total beyond this one says that there are more than so many, which are all that is listed.
    """
    query = request.args.get(f"{param}_q", "").replace("\0", "").strip()[:_LONGEST_QUERY]
    asked = request.args.get(f"{param}_page", "1")
    number = max(int(asked), 1) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    rows, count = find(query, (number - 1) * PAGE, PAGE)
    if not rows and number > 1:  # what stood there has gone
        number = max(1, -(-min(count, most) // PAGE))
        rows, count = find(query, (number - 1) * PAGE, PAGE)
    total = min(count, most)
    first = (number - 1) * PAGE

    def address(page: int) -> str:
        arguments: dict[str, Any] = {f"{param}_q": query or None, f"{param}_page": page if page > 1 else None}
        return url_for(endpoint, _anchor=param, **arguments)

    return Listing(
        rows=shown(rows),
        total=total,
        more=count > most,
        first=first + 1 if rows else 0,
        last=first + len(rows),
        query=query,
        searchable=bool(query) or total > PAGE,
        param=f"{param}_q",
        previous_url=address(number - 1) if number > 1 else None,
        next_url=address(number + 1) if first + len(rows) < total else None,
        clear_url=url_for(endpoint, _anchor=param),
    )
