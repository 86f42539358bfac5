"""What templates of administrators are shown: plain values, nothing to look up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Counting stops here.
MOST = 1000


@dataclass(frozen=True)
class Count:
    """A number that was counted up to a limit.

    :ivar more: there are more than ``number``.
    """

    number: int
    more: bool = False

    @classmethod
    def of(cls, found: int, most: int = MOST) -> Count:
        """What :meth:`.Queries.counted` found with that limit."""
        return cls(min(found, most), found > most)


@dataclass(frozen=True)
class Entry:
    """A section of these pages, in the navigation.

    :ivar icon: its name among the macros.
    :ivar count: beside its name, or None.
    """

    section: str
    label: str
    icon: str
    url: str
    count: Count | None = None


@dataclass(frozen=True)
class Choice:
    """A select of a filter bar.

    :ivar options: pairs of value and text; the first one filters nothing and has an empty value.
    """

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str = ""
