"""How clients are found: by the beginning of a name, a client id, a redirect host, or of an owner."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..storage import Storage
from ..storage.client_search import Place, Sought
from ..text import Sentence
from . import redirect_uris
from .subjects import Subjects

_LONGEST = 128
_MOST_TERMS = 40
_MOST_WORDS = 18
_MOST_OWNERS = 50
#: Totals stop here.
MANY = 1000
_STEP = 500
_LONGEST_QUERY = 200
_LONGEST_KEY = 255
#: What the values of the filters stand for.
_FILTERS: Mapping[str, tuple[str, Mapping[str, bool]]] = {
    "type": ("confidential", {"confidential": True, "public": False}),
    "check": ("verified", {"checked": True, "unchecked": False}),
    "state": ("disabled", {"disabled": True, "enabled": False}),
}


@dataclass(frozen=True, slots=True)
class FoundClients:
    """One page of what was found.

    :ivar clients: models, in order.
    :ivar total: how many there are in all, 1,000 at most; ``more``: there are more than that.
    :ivar previous: where the page before ends, for ``before=``; None: this is the first one.
    :ivar next: where the next page begins, for ``after=``; None: this is the last one.
    """

    clients: list[Any]
    total: int
    more: bool
    previous: str | None
    next: str | None


class ClientSearch:
    """Searches all clients.

    :param storage: the queries.
    :param subjects: reads keys of users.
    :param columns: of the user model, by which owners are found.
    """

    def __init__(self, storage: Storage, subjects: Subjects, columns: Sequence[str]) -> None:
        self._storage = storage
        self._subjects = subjects
        self._columns = columns

    def find(
        self,
        query: str = "",
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = 100,
        **filters: str | None,
    ) -> FoundClients:
        """A page of clients; see :meth:`.OAuth2Server.search_clients`."""
        sought = self._sought(query, filters)
        search, start = self._storage.client_search, _read(before or after)
        found = search.places(sought, start, limit + 1, backwards=bool(before and start))
        if before and start and len(found) > limit:
            found, more_before, more_behind = found[limit - 1 :: -1], True, True
        elif not before and start and found:
            more_before, more_behind = True, len(found) > limit
        else:  # the first page, also where what stood before or behind it has gone
            found = search.places(sought, None, limit + 1) if start else found
            more_before, more_behind = False, len(found) > limit
        found = found[:limit]
        total, more = search.count(sought, MANY)
        return FoundClients(
            clients=search.models_of([place.pk for place in found]),
            total=total,
            more=more,
            previous=_written(found[0]) if found and more_before else None,
            next=_written(found[-1]) if found and more_behind else None,
        )

    def owners(self, text: str, limit: int = _MOST_OWNERS, *, whole: bool = False) -> list[Any]:
        """Keys of at most *limit* users who are found by the beginning of *text*, or whose key it is.

        :param whole: of those only whom *text* names in full.
        """
        text = text.strip()
        keys = [key for key in [self._key(text)] if key is not None]
        keys += self._storage.user_search.keys(text, self._columns, limit, whole=whole)
        return list(dict.fromkeys(keys))[:limit]

    def owner_text(self, key: Any) -> str:
        """What names the user with this key, and nobody else, to :meth:`owner`."""
        user = self._subjects.load(key)
        texts = [] if user is None else self._storage.user_search.texts(user, self._columns)
        return next((text for text in texts if self.owners(text, 2, whole=True) == [key]), str(key))

    def owner(self, text: str) -> Any:
        """The user whom *text* names: their key, or all of what one of the columns has.

        :raises ValueError: with a sentence, if there is none, or more than one.
        """
        found = [user for user in map(self._subjects.load, self.owners(text, 3, whole=True)) if user is not None]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(Sentence("more than one user is called “%(text)s”: write the user's key.", text=text))
        near = [self.owner_text(key) for key in self.owners(text, 3)] if text.strip() else []
        if near and self._storage.users.user_model is not None:
            nearest = ", ".join(near)
            raise ValueError(Sentence("no user is called “%(text)s”. Near: %(nearest)s.", text=text, nearest=nearest))
        raise ValueError(Sentence("no user is called “%(text)s”.", text=text))

    def _key(self, text: str) -> Any:
        """The key that *text* may be."""
        try:
            key = self._subjects.parsed(text) if 0 < len(text) <= _LONGEST_KEY else None
        except ValueError:
            return None
        return key

    def _sought(self, query: str, filters: Mapping[str, str | None]) -> Sought:
        query = query.replace("\0", "").strip()[:_LONGEST_QUERY]
        chosen = {}
        for name, value in filters.items():
            field, meanings = _FILTERS[name]
            if value is not None and value not in meanings:
                raise ValueError(f"{name} is one of {', '.join(meanings)}, not {value!r}.")
            if value is not None:
                chosen[field] = meanings[value]
        owners = tuple(self.owners(query)) if query else ()
        return Sought(tuple(prefixes(query)), owners, **chosen)


def _written(place: Place) -> str:
    """*place* as it stands in an address; ``~`` tells the second part, a term may contain anything."""
    return f"{place.pk}~" if place.part == 1 else f"{place.pk}.{place.term}"


def _read(text: str | None) -> Place | None:
    found = re.fullmatch(r"([0-9]{1,18})(?:(~)|\.(.{1,200}))", text or "", re.DOTALL)
    return Place(1 if found[2] else 0, int(found[1]), found[3] or "") if found else None


def terms(name: str, client_id: str, uris: Iterable[str]) -> list[str]:
    """By whose beginning a client is found: its name from each word on, its id, the hosts and
    private-use schemes that it returns to, and what these are part of."""
    whole = _folded(name)
    words = [whole[found.start() :] for found in re.finditer(r"\w+", whole)]
    hosts = [redirect_uris.host(uri) for uri in uris]
    labels = [redirect_uris.host(uri).split(".") for uri in uris if uri.startswith(("https://", "http://"))]
    named = [those for those in labels if not those[-1].rstrip("]").isdigit()]  # and no address in numbers
    above = [".".join(those[at:]) for those in named for at in range(1, len(those) - 1)]
    found = [whole, _folded(client_id), *words[:_MOST_WORDS], *hosts, *above]
    return list(dict.fromkeys(term[:_LONGEST].strip() for term in found if term))[:_MOST_TERMS]


def prefixes(query: str) -> list[str]:
    """The beginnings of terms that *query* stands for: itself, and the host of a redirect URI."""
    whole = _folded(query)
    found = [whole]
    if re.match(r"https?://|[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:", whole):
        with suppress(ValueError):  # half of an address
            found.append(redirect_uris.host(whole))
    return list(dict.fromkeys(prefix[:_LONGEST].strip() for prefix in found if prefix))


def fill_in(storage: Storage) -> int:
    """Let clients be found that were registered before there were terms, in bounded steps; returns
    how many there were."""
    done, after = 0, 0
    while found := storage.unit.run(partial(_filled_in, storage, after)):
        done, after = done + len(found), found[-1]
    return done


def _filled_in(storage: Storage, after: int) -> list[int]:
    rows = storage.client_search.without_terms(after, _STEP)
    made = {row.id: terms(row.name, row.client_id, row.client_metadata.get("redirect_uris", ())) for row in rows}
    if made:
        storage.client_search.add_terms(made)
    return list(made)


def _folded(text: str) -> str:
    """*text* without case, widths and double spaces."""
    small = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", small).split())
