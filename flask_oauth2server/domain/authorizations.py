"""Authorizations and personal tokens: grant, end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app

from .. import clock
from ..errors import Conflict, OAuth2ServerError
from ..scopes import ScopeRegistry
from ..storage import Storage
from ..storage.clients import ClientInfo
from . import audit, tokens
from .bearer import TokenInfo, Use
from .claims import NOTHING, Wanted
from .devices import Devices
from .metadata import is_name
from .offline import Offline
from .sessions import NOT_KNOWN, Authentication

#: Among what was used up: ids of sessions.
_ENDED = "ended session"


class Granted(NamedTuple):
    """A new authorization: its key, its public id, and when it ends."""

    pk: int
    public_id: str
    expires_at: datetime


class AuthorizationRegistry:
    """Authorizations of one app.

    :param storage: the queries.
    :param values: makes personal tokens.
    :param scopes: the scopes that exist.
    :param settings: the ``OAUTH2_*`` settings.
    :param offline: tells what a client may do while the person is away.
    :param audit: notes what happens in whose name.
    :param devices: tells where the person is, as far as that is kept.
    """

    def __init__(
        self,
        storage: Storage,
        values: tokens.Values,
        scopes: ScopeRegistry,
        settings: Mapping[str, Any],
        offline: Offline,
        audit: audit.Audit,
        devices: Devices,
    ) -> None:
        self._storage = storage
        self._values = values
        self._scopes = scopes
        self._settings = settings
        self._offline = offline
        self._audit = audit
        self._devices = devices

    def grant(
        self,
        client: ClientInfo,
        user_key: Any,
        scopes: Sequence[str],
        how: Authentication = NOT_KNOWN,
        *,
        wanted: Wanted = NOTHING,
        reason: str | None = None,
    ) -> Granted:
        """A new authorization, uncommitted; it lives on only where the client may refresh.

        :param how: the person had signed in.
        :param wanted: what the parameter ``claims`` asked for.
        :param reason: why no page was shown, :data:`.audit.REMEMBERED` or :data:`.audit.BY_PROVIDER`.
        """
        settings = self._settings
        if self._offline.may_refresh(client):
            life = settings["OAUTH2_AUTHORIZATION_EXPIRES_IN"]
        else:
            life = settings["OAUTH2_CODE_EXPIRES_IN"] + self.access_lifetime(client)
        now = clock.now()
        expires_at = now + timedelta(seconds=life)
        public_id = tokens.random_text(22)
        pk = self._storage.authorizations.add(
            public_id=public_id,
            client_pk=client.pk,
            user_id=user_key,
            scope=" ".join(scopes),
            **how._asdict(),
            claims=None if wanted == NOTHING else wanted._asdict(),
            offline=self._offline.outlives(client, scopes),
            created_at=now,
            expires_at=expires_at,
            live_until=now + timedelta(seconds=settings["OAUTH2_CODE_EXPIRES_IN"]),
            **self._devices.origin()._asdict(),
        )
        of_client = {"client_id": client.client_id, "client_name": client.name}
        self._audit.note(audit.ALLOWED, user_key, scopes=scopes, authorization=public_id, reason=reason, **of_client)
        return Granted(pk, public_id, expires_at)

    def revoke(self, pk: int, reason: str, actor: audit.Actor | None = None) -> Any:
        """End an authorization with its codes and tokens, uncommitted.

        :param actor: who does it, if that is not who is at the browser.
        :returns: its ``public_id``, ``user_id`` and ``client_id``; None if it had ended already.
        """
        if not self._storage.authorizations.revoke(pk, reason):
            return None
        facts = self._storage.authorizations.facts(pk)
        of_client = {"client_id": facts.client_id, "client_name": facts.name}
        what = {"authorization": facts.public_id, "reason": reason[:64], **of_client}
        self._audit.note(audit.ENDED, facts.user_id, actor=actor, **what)
        return facts

    def note_ended(self, sids: Sequence[str]) -> None:
        """Note that sessions have ended, uncommitted: a cookie from before may still be sent."""
        until = clock.now() + current_app.permanent_session_lifetime
        for sid in sids:
            if not self.has_ended(sid):
                self._storage.replays.use_up(_ENDED, sid, until, lambda: Conflict("another request has noted it"))

    def has_ended(self, sid: str | None) -> bool:
        """Whether a session has ended."""
        return sid is not None and self._storage.replays.is_used(_ENDED, sid)

    def end_family(self, pk: int, client: ClientInfo) -> Any:
        """End an authorization of which a code or token came a second time, uncommitted, and say so."""
        by = audit.by_client(client)
        facts = self.revoke(pk, "reuse", by)
        if facts:  # once: a thief may come as often as they like
            of_client = {"client_id": client.client_id, "client_name": client.name}
            self._audit.note(audit.REUSED, facts.user_id, authorization=facts.public_id, actor=by, **of_client)
        return facts

    def note_forgotten(self, user_key: Any, client: Any) -> None:
        """Note that consents were forgotten, uncommitted.

        :param user_key: whose; None: everybody's.
        :param client: the model; None: for all clients.
        """
        of_client = {} if client is None else {"client_id": client.client_id, "client_name": client.name}
        self._audit.note(audit.CONSENT_FORGOTTEN, user_key, **of_client)

    def forget_consent(self, user_key: Any, client: Any) -> None:
        """Forget what a user agreed to for a client, the model, uncommitted."""
        if self._storage.consents.forget(user_key, client.id):
            self.note_forgotten(user_key, client)

    def forget_consents(self, client: Any) -> None:
        """Forget what anybody agreed to for a client, the model, uncommitted."""
        if self._storage.consents.forget_all(client.id):
            self.note_forgotten(None, client)

    def note_uses(self, uses: Sequence[Use]) -> None:
        """Note when access tokens were used, uncommitted. Rows that somebody holds are passed over."""
        of_authorizations: dict[datetime, set[int]] = {}
        of_tokens: dict[tuple[datetime, str | None], set[int]] = {}
        for use in uses:
            if use.token.authorization_pk is not None:
                of_authorizations.setdefault(use.moment, set()).add(use.token.authorization_pk)
            if use.token.pk is not None:
                of_tokens.setdefault((use.moment, use.address), set()).add(use.token.pk)
        for moment, pks in of_authorizations.items():
            self._storage.authorizations.note_uses(pks, moment)
        for (moment, address), pks in of_tokens.items():
            self._storage.tokens.note_uses(pks, moment, address)
        for use in uses:
            if use.address is not None and use.token.user_id is not None:
                self._note_address(use.token, use.address)

    def _note_address(self, token: TokenInfo, address: str) -> None:
        client = None if token.client_pk is None else self._storage.clients.by_pk(token.client_pk)
        self._audit.note_use(token.user_id, address, client=client, token=token)

    def access_lifetime(self, client: ClientInfo) -> int:
        """Seconds that an access token of *client* lives."""
        return client.access_token_expires_in or int(self._settings["OAUTH2_PROVIDER_TOKEN_EXPIRES_IN"])

    def refresh_lifetime(self, client: ClientInfo) -> int:
        """Seconds after which an unused refresh token of *client* ends."""
        return client.refresh_token_expires_in or int(self._settings["OAUTH2_REFRESH_EXPIRES_IN"])

    def create_personal_token(
        self, user_key: Any, *, name: str, scopes: Sequence[str], expires_in: int | None = None
    ) -> tuple[int, str]:
        """A personal token, uncommitted; returns its key and its value.

        :raises OAuth2ServerError: if it has no name, or lives too long.
        :raises ScopeDoesNotExists: for a scope that is not registered.
        """
        longest = self._settings["OAUTH2_PERSONAL_TOKEN_MAX_EXPIRES_IN"]
        seconds = self._settings["OAUTH2_PERSONAL_TOKEN_EXPIRES_IN"] if expires_in is None else expires_in
        _check_name(name)
        if not 0 < seconds <= longest:
            raise OAuth2ServerError(f"A personal token lives 1 to {longest} seconds, not {seconds}.")
        allowed, now = self._scopes.validated(scopes), clock.now()
        value = self._values.make(tokens.PERSONAL, self._settings["OAUTH2_TOKEN_PERSONAL_SALT_LEN"])
        pk = self._storage.tokens.add(
            access_digest=tokens.digest(value),
            user_id=user_key,
            name=name.strip(),
            scope=" ".join(allowed),
            hint=tokens.hint(value),
            created_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
        self._audit.note(audit.TOKEN_MADE, user_key, token_id=pk, name=name.strip(), scopes=allowed)
        return pk, value

    def edit_personal_token(self, token: Any, name: str | None, scopes: Sequence[str] | None) -> None:
        """Rename a personal token, or take scopes away from it, uncommitted.

        :raises OAuth2ServerError: for a bad name, or a scope that it does not have.
        """
        name = token.name if name is None else name
        _check_name(name)
        wanted = token.scopes if scopes is None else list(dict.fromkeys(scopes))
        if more := [id_ for id_ in wanted if id_ not in token.scopes]:
            raise OAuth2ServerError(f"A personal token is never given more scopes: {', '.join(more)}.")
        # What another tab has taken away meanwhile stays away.
        had = self._storage.tokens.held_scope(token.id).split()
        scope = " ".join(s for s in wanted if s in had)
        self._storage.tokens.change_personal(token.id, name.strip(), scope)
        told = {"name": [token.name, name.strip()], "scope": [" ".join(had), scope]}
        changes = {what: pair for what, pair in told.items() if pair[0] != pair[1]}
        if changes:
            whose = {"token_id": token.id, "name": token.name}
            self._audit.note(audit.TOKEN_CHANGED, token.user_id, changes=changes, **whose)

    def revoke_personal_token(self, pk: int, user_key: Any, name: str, reason: str) -> bool:
        """End a personal token, uncommitted; False if it had ended already."""
        ended = self._storage.tokens.revoke(pk)
        if ended:
            self._audit.note(audit.TOKEN_ENDED, user_key, token_id=pk, name=name, reason=reason[:64])
        return ended


def _check_name(name: str) -> None:
    if not is_name(name):
        raise OAuth2ServerError("Give the token a name of at most 255 printable characters.")
