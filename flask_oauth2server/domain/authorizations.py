"""Authorizations and personal tokens: grant, end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from .. import clock
from ..errors import OAuth2ServerError
from ..scopes import ScopeRegistry
from ..storage import Storage
from ..storage.clients import ClientInfo
from . import tokens
from .metadata import is_name


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
    :param is_offline: whether a client may act while the person is away.
    """

    def __init__(
        self,
        storage: Storage,
        values: tokens.Values,
        scopes: ScopeRegistry,
        settings: Mapping[str, Any],
        is_offline: Callable[[ClientInfo], bool],
    ) -> None:
        self._storage = storage
        self._values = values
        self._scopes = scopes
        self._settings = settings
        self._is_offline = is_offline

    def grant(
        self, client: ClientInfo, user_key: Any, scopes: Sequence[str], *, sid: str, auth_time: float | None
    ) -> Granted:
        """A new authorization, uncommitted; it lives on only where the client may refresh."""
        offline = self._is_offline(client)
        settings = self._settings
        if offline:
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
            sid=sid,
            auth_time=None if auth_time is None else datetime.fromtimestamp(int(auth_time), UTC).replace(tzinfo=None),
            offline=offline,
            created_at=now,
            expires_at=expires_at,
        )
        return Granted(pk, public_id, expires_at)

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
        if not is_name(name):
            raise OAuth2ServerError("Give the token a name of at most 255 printable characters.")
        if not 0 < seconds <= longest:
            raise OAuth2ServerError(f"A personal token lives 1 to {longest} seconds, not {seconds}.")
        now = clock.now()
        value = self._values.make(tokens.PERSONAL, self._settings["OAUTH2_TOKEN_PERSONAL_SALT_LEN"])
        pk = self._storage.tokens.add(
            access_digest=tokens.digest(value),
            user_id=user_key,
            name=name.strip(),
            scope=" ".join(self._scopes.validated(scopes)),
            hint=tokens.hint(value),
            created_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
        return pk, value
