"""Consent: is it needed, what is new, the ticket of the page, the record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..scopes import Scope, ScopeRegistry
from ..storage import Storage
from ..storage.clients import ClientInfo
from . import redirect_uris, sessions
from .offline import Offline
from .tickets import Tickets


@dataclass(frozen=True)
class Asking:
    """What a person is asked, or was found not to be asked.

    :ivar needed: whether the page is due.
    :ivar granted: what is granted without the page.
    :ivar new: scopes not agreed to before.
    :ivar new_claims: single claims not agreed to before.
    :ivar agreed: scopes agreed to before, of those asked for.
    :ivar since: when the client was first allowed, or None.
    :ivar always: whether the client is of the kind that is asked each time (RFC 8252, 8.6).
    :ivar new_host: whether the answer goes to a host that was not shown before.
    :ivar forced: whether the client wants the page, whatever was agreed to.
    :ivar offline: whether it may act while the person is away, and that was agreed to before.
    """

    needed: bool
    granted: tuple[str, ...]
    new: tuple[str, ...]
    agreed: tuple[str, ...]
    since: datetime | None
    always: bool
    new_host: bool
    forced: bool
    offline: bool
    new_claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What the consent page shows, and what its form sends back beside the CSRF token.

    :ivar client: who asks.
    :ivar user: who is asked.
    :ivar required: scopes that Allow grants.
    :ivar optional: scopes with tick boxes, each with whether it is ticked.
    :ivar redirect_uri: where the answer goes.
    :ivar asking: what is new, and what was agreed to before.
    :ivar offline_until: naive UTC end of what the client may go on to do by itself, or None.
    :ivar ends_with_session: whether that ends before, when the person signs out.
    :ivar ticket: the hidden field ``ticket``; good once, for ten minutes.
    :ivar notice: whether an earlier answer was refused, so that the page is shown again.
    :ivar scope: the scopes asked for, as sent.
    :ivar claims: what the client wants to know of the person beyond what the scopes ask for.
    """

    client: ClientInfo
    user: Any
    required: tuple[Scope, ...]
    optional: tuple[tuple[Scope, bool], ...]
    redirect_uri: str
    asking: Asking
    offline_until: datetime | None
    ticket: str = field(repr=False)
    notice: bool
    scope: str
    claims: tuple[str, ...] = ()
    ends_with_session: bool = False


class Consents:
    """Consents of one app.

    :param storage: the queries.
    :param scopes: tells which are optional.
    :param loopback_hosts: further host names that count as loopback.
    :param offline: tells what a client may do while the person is away.
    """

    def __init__(
        self,
        storage: Storage,
        scopes: ScopeRegistry,
        loopback_hosts: Sequence[str],
        offline: Offline,
    ) -> None:
        self.tickets = Tickets(storage, "consent ticket")
        self._storage = storage
        self._scopes = scopes
        self._loopback_hosts = loopback_hosts
        self._offline = offline

    def asking(
        self,
        client: ClientInfo,
        user_key: Any,
        scopes: Sequence[str],
        redirect_uri: str,
        *,
        forced: bool,
        claims: Sequence[str] = (),
    ) -> Asking:
        """Whether *user_key* has to be asked for *scopes*, and what is new.

        :param forced: the client asked for the page (``prompt=consent``).
        :param claims: asked for beyond the scopes.
        """
        always = not client.is_confidential and redirect_uris.is_native(redirect_uri, self._loopback_hosts)
        trusted = client.first_party and not forced and not always
        row = None if trusted else self._storage.consents.find(user_key, client.pk)
        had = row.scope.split() if row else []
        # What was left unticked is not new the next time, unless the client wants the page.
        passed_over = [s for s in row.declined.split() if self._scopes.is_optional(s)] if row and not forced else []
        agreed = tuple(s for s in scopes if s in had)
        new = tuple(s for s in scopes if s not in had and s not in passed_over)
        new_claims = () if trusted else tuple(c for c in claims if c not in ((row and row.claims) or ()))
        new_host = row is not None and redirect_uris.host(redirect_uri) not in row.redirect_hosts
        new_offline = row is not None and self._offline.outlives(client, scopes) and not row.offline
        return Asking(
            needed=not trusted
            and (forced or always or bool(new) or bool(new_claims) or new_host or new_offline or not agreed),
            granted=tuple(scopes) if trusted else agreed,
            new=new,
            agreed=agreed,
            since=row.created_at if row else None,
            always=always,
            new_host=new_host,
            forced=forced,
            offline=row is not None and row.offline,
            new_claims=new_claims,
        )

    def knows(self, client: ClientInfo, user_key: Any) -> bool:
        """Whether *client* may know of *user_key*: they have allowed it, or it is the provider's own."""
        return client.first_party or self._storage.consents.find(user_key, client.pk) is not None

    def still_covers(
        self, client: ClientInfo, user_key: Any, scopes: Sequence[str], claims: Sequence[str] = ()
    ) -> bool:
        """Whether what was agreed to before allows *scopes* and *claims* without a page; the row is held until the
        unit ends, so that withdrawing it waits."""
        if client.first_party:
            return True
        row = self._storage.consents.hold(user_key, client.pk)
        return row is not None and set(scopes) <= set(row.scope.split()) and set(claims) <= set(row.claims or ())

    def record(
        self,
        client: ClientInfo,
        user_key: Any,
        shown: Sequence[str],
        granted: Sequence[str],
        redirect_uri: str | None,
        claims: Sequence[str] = (),
    ) -> None:
        """Remember an answer: shown and granted is agreed to, shown and left unticked is declined
        and withdrawn, what was not shown stays as it was.

        :param redirect_uri: where the answer goes; None where it goes to no address.
        :param claims: allowed beyond the scopes.
        """
        row = self._storage.consents.hold(user_key, client.pk)
        had = row.scope.split() if row else []
        declined = row.declined.split() if row else []
        hosts = [*(row.redirect_hosts if row else ()), *([redirect_uris.host(redirect_uri)] if redirect_uri else ())]
        refused = [scope for scope in shown if scope not in granted]
        self._storage.consents.record(
            user_key,
            client.pk,
            row.id if row else None,
            scope=" ".join(dict.fromkeys([*(s for s in had if s not in refused), *granted])),
            declined=" ".join(dict.fromkeys([*(s for s in declined if s not in granted), *refused])),
            redirect_hosts=list(dict.fromkeys(hosts)),
            claims=list(dict.fromkeys([*((row and row.claims) or ()), *claims])) or None,
            offline=self._offline.outlives(client, granted) or bool(row and row.offline),
        )

    def binding(
        self, request_digest: str, client: ClientInfo, redirect_uri: str, user_key: Any, scopes: Sequence[str]
    ) -> str:
        """A digest of everything that a consent stands for, as it is now, and of the session that gives it."""
        optional = [scope for scope in scopes if self._scopes.is_optional(scope)]
        who = [client.pk, client.client_id, client.name, client.verified, client.first_party, str(client.owner)]
        asks = [*who, dict(client.metadata), self._offline.outlives(client, scopes), redirect_uri]
        whole = [request_digest, asks, str(user_key), sessions.sid(), list(scopes), optional]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()
