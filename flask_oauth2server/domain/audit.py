"""The audit of what happens in a person's name; every event is written with what it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from .. import clock, transport
from ..storage import Storage
from .bearer import TokenInfo
from .devices import Devices

#: Kinds of events.
ALLOWED, DENIED, USED, ENDED = "allowed", "denied", "used", "ended"
#: A code or refresh token came a second time; CONSENT_FORGOTTEN without a user: everybody's for a client.
REUSED, CONSENT_FORGOTTEN = "reused", "consent forgotten"
#: Why somebody was not asked who is told to have allowed a client.
REMEMBERED, BY_PROVIDER = "remembered", "by the provider"
TOKEN_MADE, TOKEN_CHANGED, TOKEN_ENDED = "token made", "token changed", "token ended"
CLIENT_MADE, CLIENT_CHANGED, CLIENT_DELETED = "client made", "client changed", "client deleted"
CLIENT_DISABLED, CLIENT_ENABLED, CLIENT_CHECKED = "client disabled", "client enabled", "client checked"
CLIENT_OFFERED, OFFER_WITHDRAWN = "client offered", "offer withdrawn"
CLIENT_GIVEN_AWAY, CLIENT_TAKEN_OVER = "client given away", "client taken over"
SECRET_MADE, SECRET_ENDED = "secret made", "secret ended"
USER_ERASED, USER_EXPORTED = "user erased", "user exported"
AUDIT_VERIFIED, AUDIT_EXPORTED = "audit verified", "audit exported"

#: All of them, in the order of their groups.
KINDS = (
    *(ALLOWED, DENIED, USED, ENDED, REUSED, CONSENT_FORGOTTEN, TOKEN_MADE, TOKEN_CHANGED, TOKEN_ENDED),
    *(CLIENT_MADE, CLIENT_CHANGED, CLIENT_CHECKED, CLIENT_DISABLED, CLIENT_ENABLED, CLIENT_DELETED),
    *(CLIENT_OFFERED, OFFER_WITHDRAWN, CLIENT_GIVEN_AWAY, CLIENT_TAKEN_OVER, SECRET_MADE, SECRET_ENDED),
    *(USER_ERASED, USER_EXPORTED, AUDIT_VERIFIED, AUDIT_EXPORTED),
)
#: Kinds of actors.
ADMINISTRATOR, PERSON, CLIENT, COMMAND_LINE, SERVER = "administrator", "person", "client", "command line", "server"

#: So many new addresses of one authorization or token are noted in a week, so that nobody fills the table.
MOST_ADDRESSES = 20


class Audit:
    """Writers of audit events, uncommitted: they live and die with what they tell of.

    :param storage: the queries.
    :param devices: tells where a request came from.
    """

    def __init__(self, storage: Storage, devices: Devices) -> None:
        self._events = storage.audit_events
        self._devices = devices

    def note(self, kind: str, user_key: Any, *, scopes: Sequence[str] | None = None, **facts: Any) -> None:
        """Write what happened in this request.

        :param user_key: in whose name; None: nobody's.
        :param facts: columns of :class:`~flask_oauth2server.models.mixins.AuditEventMixin`.
        """
        origin = self._devices.origin()
        if facts.get("reason") in (REMEMBERED, BY_PROVIDER) and self._events.is_noted(
            kind, user_key, facts["client_id"], facts["reason"], origin.address
        ):
            return  # once a day: a client may come as often as it likes, and hide what matters
        scope = None if scopes is None else " ".join(scopes)
        self._events.add(
            kind=kind, user_id=user_key, scope=scope, address=origin.address, device=origin.device, **facts
        )

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
        of_client = {} if client is None else {"client_id": client.client_id, "client_name": client.name}
        self._events.add(
            kind=USED,
            user_id=user_key,
            authorization=token.authorization,
            token_id=token_id,
            name=token.name,
            address=address,
            **of_client,
        )
