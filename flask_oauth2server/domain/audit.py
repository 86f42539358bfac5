"""The audit of what happens in a person's name; every event is written with what it tells of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import click
from flask import g, has_request_context

from .. import clock, transport
from ..storage import Storage
from . import fingerprints
from .bearer import TokenInfo
from .devices import Devices
from .fingerprints import Keyring
from .subjects import Subjects

#: Kinds of events.
ALLOWED, DENIED, USED, ENDED = "allowed", "denied", "used", "ended"
#: A code or refresh token came a second time; CONSENT_FORGOTTEN without a user: everybody's for a client.
REUSED, CONSENT_FORGOTTEN = "reused", "consent forgotten"
#: Why somebody was not asked who is told to have allowed a client.
REMEMBERED, BY_PROVIDER, TRIED = "remembered", "by the provider", "tried"
TOKEN_MADE, TOKEN_CHANGED, TOKEN_ENDED = "token made", "token changed", "token ended"
CLIENT_MADE, CLIENT_CHANGED, CLIENT_DELETED = "client made", "client changed", "client deleted"
CLIENT_DISABLED, CLIENT_ENABLED, CLIENT_CHECKED = "client disabled", "client enabled", "client checked"
CLIENT_TRIED = "client tried"
CLIENT_OFFERED, OFFER_WITHDRAWN = "client offered", "offer withdrawn"
CLIENT_GIVEN_AWAY, CLIENT_TAKEN_OVER = "client given away", "client taken over"
SECRET_MADE, SECRET_ENDED = "secret made", "secret ended"
KEY_MADE, KEY_ROTATED, KEY_REVOKED = "key made", "key rotated", "key revoked"
USER_ERASED, USER_EXPORTED = "user erased", "user exported"
AUDIT_VERIFIED, AUDIT_EXPORTED = "audit verified", "audit exported"

#: All of them, in the order of their groups.
KINDS = (
    *(ALLOWED, DENIED, USED, ENDED, REUSED, CONSENT_FORGOTTEN, TOKEN_MADE, TOKEN_CHANGED, TOKEN_ENDED),
    *(CLIENT_MADE, CLIENT_CHANGED, CLIENT_CHECKED, CLIENT_DISABLED, CLIENT_ENABLED, CLIENT_DELETED, CLIENT_TRIED),
    *(CLIENT_OFFERED, OFFER_WITHDRAWN, CLIENT_GIVEN_AWAY, CLIENT_TAKEN_OVER, SECRET_MADE, SECRET_ENDED),
    *(KEY_MADE, KEY_ROTATED, KEY_REVOKED),
    *(USER_ERASED, USER_EXPORTED, AUDIT_VERIFIED, AUDIT_EXPORTED),
)
#: Kinds of actors.
ADMINISTRATOR, PERSON, CLIENT, COMMAND_LINE, SERVER = "administrator", "person", "client", "command line", "server"

#: So many new addresses of one authorization or token are noted in a week, so that nobody fills the table.
MOST_ADDRESSES = 20


class Actor(NamedTuple):
    """Who does something: a kind, and the key of a user as text, or a ``client_id``."""

    kind: str
    key: str | None = None


class Audit:
    """Writers of audit events, uncommitted: they live and die with what they tell of.

    :param storage: the queries.
    :param devices: tells where a request came from.
    :param subjects: tells who is at the browser.
    :param keyring: signs each event.
    """

    def __init__(self, storage: Storage, devices: Devices, subjects: Subjects, keyring: Keyring) -> None:
        self._events = storage.audit_events
        self._devices = devices
        self._subjects = subjects
        self._keyring = keyring

    def note(
        self,
        kind: str,
        user_key: Any,
        *,
        scopes: Sequence[str] | None = None,
        actor: Any = None,
        run: Any = None,
        **facts: Any,
    ) -> None:
        """Write what happened in this request.

        :param user_key: whom it concerns; None: nobody.
        :param actor: the :class:`Actor`, if that is not who is at the browser.
        :param run: runs a statement, inside somebody's transaction; default: ``db.session``.
        :param facts: columns of :class:`~flask_oauth2server.models.records.AuditEventMixin`.
        """
        actor = self.actor() if actor is None else actor
        origin = self._devices.origin(always=actor.kind == ADMINISTRATOR)
        if facts.get("reason") in (REMEMBERED, BY_PROVIDER) and self._events.is_noted(
            kind, user_key, facts["client_id"], facts["reason"], origin.address
        ):
            return  # once a day: a client may come as often as it likes, and hide what matters
        scope = None if scopes is None else " ".join(scopes)
        values = {"kind": kind, "user_id": user_key, "scope": scope, **origin._asdict(), **facts}
        self._write(actor, values, run)

    def note_use(self, user_key: Any, address: str, *, client: Any, token: TokenInfo) -> None:
        """Write that a token was used from an address that was not seen with it before.

        :param client: the model of its client, or None for a personal token.
        """
        personal = token.authorization is None
        token_id = token.pk if personal else None
        seen = self._events.addresses(authorization=token.authorization, token_id=token_id)
        if transport.network(address) in {transport.network(one) for one, _at in seen if one}:
            return
        week_ago = clock.now() - timedelta(days=7)
        if sum(at > week_ago for _one, at in seen) >= MOST_ADDRESSES:
            return
        values = {"kind": USED, "user_id": user_key, "authorization": token.authorization, "token_id": token_id}
        values |= {"name": token.name, "address": address}
        if client is not None:
            values |= {"client_id": client.client_id, "client_name": client.name}
        self._write(Actor(PERSON, str(user_key)) if client is None else by_client(client), values)

    def note_erased(self, user_key: Any, entries: int, run: Callable[[Any], Any] | None = None) -> None:
        """Write that a person was erased, without a word of whom.

        :param entries: how many events told of them.
        """
        actor = self.actor()
        facts: dict[str, Any] = {"changes": {"entries": [entries, 0]}}
        if actor.key == str(user_key):
            actor = Actor(actor.kind)
            facts |= {"address": None, "device": None}
        self.note(USER_ERASED, None, actor=actor, run=run, **facts)

    def actor(self) -> Actor:
        """Who acts in this request, or on this command line."""
        if not has_request_context():
            return Actor(SERVER if click.get_current_context(silent=True) is None else COMMAND_LINE)
        key = self._subjects.key_at_browser()
        if key is None:
            return Actor(SERVER)
        return Actor(ADMINISTRATOR if g.get("oauth2server_admin") else PERSON, str(key))

    def _write(self, actor: Actor, values: dict[str, Any], run: Callable[[Any], Any] | None = None) -> None:
        values |= {"created_at": clock.now(), "actor_kind": actor.kind, "actor": actor.key}
        values |= fingerprints.salted(values)
        pk = self._events.add(run, **values)
        self._events.sign(pk, self._keyring.sign(fingerprints.ENTRY, fingerprints.line({"id": pk, **values})), run)


def by_client(client: Any) -> Actor:
    """A client that does something itself; *client* has a ``client_id``."""
    return Actor(CLIENT, client.client_id)
