"""What templates of administrators are shown: plain values, nothing to look up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...text import format_number
from ..faces import Face

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

    @property
    def short(self) -> str:
        """Such as "1,000+"."""
        return f"{format_number(self.number)}{'+' if self.more else ''}"


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


@dataclass(frozen=True)
class Figure:
    """One of the numbers on top of the overview.

    :ivar detail: a second line; may be empty.
    """

    label: str
    count: Count
    detail: str


@dataclass(frozen=True)
class Refused:
    """A reason of refusals.

    :ivar cause: a sentence.
    :ivar detail: whose, or what was told; may be empty.
    :ivar last_at: when it was met last, as far as that is known.
    """

    times: int
    cause: str
    detail: Any
    url: str
    last_at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """A client that nobody has checked.

    :ivar detail: how much it may ask for.
    """

    app: Face
    url: str
    detail: str
    made_at: datetime


@dataclass(frozen=True)
class Expiring:
    """A secret that ends soon.

    :ivar only: there is no other one that lives longer.
    """

    name: str
    url: str
    hint: str
    expires_at: datetime
    only: bool


@dataclass(frozen=True)
class Trouble:
    """One cause of nearly all refusals of a client.

    :ivar times: how many requests were refused, for whatever cause.
    :ivar all: whether it is the only cause.
    """

    times: int
    cause: str
    url: str
    all: bool
