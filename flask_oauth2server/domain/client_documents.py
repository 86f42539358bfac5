"""Documents that clients keep at addresses of their own: asked for seldom, and never inside a unit of work."""

from __future__ import annotations

import json
import logging
from typing import Any

from .. import clock
from ..fetch import Fetcher, Unfetchable

log = logging.getLogger(__name__)

#: Seconds that a document is used without asking again, and, where nobody answers, in all.
FRESH, STALE = 60, 3600
#: Seconds before somebody who did not answer is asked again.
PAUSE = 30
#: So many are remembered.
_MOST = 1000


class ClientDocuments:
    """Reads JSON documents of clients, in one process.

    :param fetcher: asks for them.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        #: By address: when it was read, and what was there.
        self._read: dict[str, tuple[float, Any]] = {}
        #: By address: when to ask again, and why there was nothing.
        self._missed: dict[str, tuple[float, str]] = {}

    def ask(self, url: str) -> Any:
        """What stands at *url* now.

        :raises Unfetchable: if there is no JSON.
        """
        answer = self._fetcher.get(url)
        if answer.status != 200:
            raise Unfetchable(f"it answered {answer.status}")
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Unfetchable("it answered no JSON") from error

    def read(self, url: str) -> Any:
        """What stood at *url* :data:`FRESH` seconds ago, or later; :data:`STALE` where nobody answers.

        :raises Unfetchable: if there was no JSON.
        """
        now = clock.timestamp()
        at, known = self._read.get(url, (float("-inf"), None))
        if now - at < FRESH:
            return known
        again, why = self._missed.get(url, (0.0, ""))
        usable = now - at < STALE
        if now >= again:
            if usable or why:  # whoever comes meanwhile need not wait, neither for news nor for another silence
                self._note_missed(url, why or "it is being asked")
            try:
                return self._keep(url, self.ask(url))
            except Unfetchable as error:
                why = str(error)
                log.warning("the document of a client at %s could not be read: %s", url, why)
                self._note_missed(url, why)
        if usable:
            return known
        raise Unfetchable(why)

    def _keep(self, url: str, document: Any) -> Any:
        self._missed.pop(url, None)
        _put(self._read, url, (clock.timestamp(), document))
        return document

    def _note_missed(self, url: str, why: str) -> None:
        _put(self._missed, url, (clock.timestamp() + PAUSE, why))


def _put(kept: dict[str, Any], url: str, value: tuple[float, Any]) -> None:
    """The latest is kept last; where there are too many, the first one goes."""
    kept.pop(url, None)
    while len(kept) >= _MOST:
        kept.pop(next(iter(kept)), None)
    kept[url] = value
