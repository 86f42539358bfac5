"""The end of a session, told to the clients that somebody has signed in to from it.

By an outbox and signed tokens (OpenID Connect Back-Channel Logout 1.0), and by frames in the browser (Front-Channel
Logout 1.0).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from .. import clock, jose
from ..errors import ConfigurationError
from ..fetch import Fetcher, Unfetchable
from ..storage import Storage
from ..storage.clients import ClientInfo
from . import tokens
from .cleaning import cleaned
from .id_tokens import algorithm
from .identifiers import Identifiers
from .keys import Keys, KeyUnreadable
from .offline import SIGN_IN

log = logging.getLogger(__name__)

#: Client metadata.
BACK, FRONT = "backchannel_logout_uri", "frontchannel_logout_uri"
#: Whether a client needs to be told which session ended; we always tell.
BACK_SESSION, FRONT_SESSION = "backchannel_logout_session_required", "frontchannel_logout_session_required"

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: Seconds that a logout token is good for.
_LIFETIME = 120
#: Seconds after which it is tried again, one after the other: for a day.
_WAITS = (30, 120, 600, 1800, 7200, 21600, 43200)
#: Answers that say "not now".
_NOT_NOW = {408, 425, 429}
#: So many are delivered right after an answer, and so many seconds is each client waited for then.
_AT_ONCE, _BRIEFLY = 10, 2.0
#: So many are claimed together: all can be asked, however slow they are, before somebody else may claim them.
_BATCH = 5


class Audience(NamedTuple):
    """The clients that somebody has signed in to from one session.

    :ivar told: names by client ID, of those that learn of its end.
    :ivar untold: of those that have not said how.
    :ivar frames: addresses that the browser has to load, one for each client and id that wants it.
    """

    told: Mapping[str, str] = {}
    untold: Mapping[str, str] = {}
    frames: Sequence[str] = ()


class Logouts:
    """Tells the clients of one app of sessions that have ended.

    :param storage: the queries.
    :param keys: sign logout tokens.
    :param identifiers: say what a client calls the person.
    :param fetcher: asks the clients.
    """

    def __init__(self, storage: Storage, keys: Keys, identifiers: Identifiers, fetcher: Fetcher) -> None:
        self._storage = storage
        self._keys = keys
        self._identifiers = identifiers
        self._fetcher = fetcher
        keys.lifetime = max(keys.lifetime, _LIFETIME)

    def audience(self, issuer: str, sids: Sequence[str]) -> Audience:
        """Who has to learn of the end of a session."""
        told: dict[str, str] = {}
        untold: dict[str, str] = {}
        frames: list[str] = []
        for sid, client, _ in self._clients(sids):
            uri = client.metadata.get(FRONT)
            if uri:
                mark = "&" if "?" in uri else "?"
                frames.append(f"{uri}{mark}{urlencode({'iss': issuer, 'sid': sid})}")
            names = told if uri or client.metadata.get(BACK) else untold
            names[client.client_id] = client.name
        return Audience(told, untold, frames)

    def note(self, issuer: str, sids: Sequence[str]) -> list[int]:
        """Put a logout token for each client of a session into the outbox; returns their keys."""
        clients = [found for found in self._clients(sids) if found[1].metadata.get(BACK)]
        told = [(sid, client, self._identifiers.of(client, key)) for sid, client, key in clients]
        return self._storage.unit.run(partial(self._note, issuer, told))

    def _note(self, issuer: str, told: Sequence[tuple[str, ClientInfo, str]]) -> list[int]:
        pks = []
        for sid, client, sub in told:
            what = {"client_pk": client.pk, "sid": sid, "sub": sub, "issuer": issuer, "jti": tokens.random_text(22)}
            pks.append(self._storage.logout_deliveries.add(next_at=clock.now(), tries=0, **what))
        return pks

    def _clients(self, sids: Sequence[str]) -> list[tuple[str, ClientInfo, Any]]:
        """Clients that somebody has signed in to, with the id of the session that they know, and the person's key."""
        found = []
        for sid, client_id, key in self._storage.logout_deliveries.clients_of(sids, SIGN_IN) if sids else ():
            client = self._storage.clients.info(client_id)
            if client is not None and not client.disabled and key is not None:
                found.append((sid, client, key))
        return found

    def end(self, issuer: str, sids: Sequence[str]) -> None:
        """Note the end of a session and tell its clients as far as that is quickly done; what is left of other
        people's sessions is not for this person to wait for."""
        noted = self.note(issuer, sids)
        if noted:
            self.deliver(_AT_ONCE, _BRIEFLY, noted)

    def deliver(self, limit: int, patience: float | None = None, among: Sequence[int] | None = None) -> tuple[int, int]:
        """Deliver at most *limit* logout tokens that are due now; returns how many arrived, and how many did not.

        A client that cannot be told one is not asked to take another one meanwhile: others wait behind it.

        :param among: keys of the only ones to deliver; default: all.
        """
        arrived = missed = 0
        silent: dict[str, str] = {}
        claim = partial(self._storage.logout_deliveries.claim, due_at=clock.now(), among=among)
        while limit > 0 and (rows := self._storage.unit.run(partial(claim, min(limit, _BATCH)))):
            limit -= len(rows)
            for row in rows:
                why, again = silent.get(row.client_id, ""), True
                if not why:
                    why, again = self._delivered(row, patience)
                if why and again:
                    silent[row.client_id] = why
                self._storage.unit.run(partial(self._settle, row, why, again))
                arrived, missed = arrived + (not why), missed + bool(why)
        return arrived, missed

    def _settle(self, row: Any, why: str, again: bool) -> None:
        if not why:
            self._storage.logout_deliveries.delivered(row.id)
            return
        next_at: datetime | None = None
        if again and row.tries < len(_WAITS):
            next_at = clock.now() + timedelta(seconds=_WAITS[row.tries])
        level = logging.INFO if next_at else logging.WARNING
        log.log(level, "%s could not be told of the end of a session: %s", row.client_id, why)
        self._storage.logout_deliveries.try_again(row.id, next_at, why)

    def _delivered(self, row: Any, patience: float | None) -> tuple[str, bool]:
        """Why a logout token did not arrive, empty if it did; and whether to try again."""
        client = self._storage.clients.info(row.client_id)
        uri = None if client is None or client.disabled else client.metadata.get(BACK)
        if client is None or not uri:
            return "", False  # nobody is to be told any more
        try:
            self._keys.prepare(algorithm(client))
            form = {"logout_token": self._token(client, row)}
            answer = self._fetcher.post(uri, form, **({} if patience is None else {"patience": patience}))
        except (Unfetchable, KeyUnreadable, ConfigurationError) as error:
            return cleaned(str(error)), True  # it quotes what the client said, which no database need take
        if answer.status in (200, 204):
            return "", False
        return f"it answered {answer.status}", answer.status >= 500 or answer.status in _NOT_NOW

    def _token(self, client: ClientInfo, row: Any) -> str:
        """A logout token (Back-Channel Logout, 2.4); of each try the same but for its time."""
        now = clock.epoch(clock.now())
        claims: Mapping[str, Any] = {
            "iss": row.issuer,
            "sub": row.sub,
            "aud": client.client_id,
            "iat": now,
            "exp": now + _LIFETIME,
            "jti": row.jti,
            "sid": row.sid,
            "events": {_EVENT: {}},
        }
        return jose.signed(claims, self._keys.signer(algorithm(client)), typ="logout+jwt")
