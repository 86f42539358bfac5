"""From a token value to a judged :class:`TokenInfo`: for protected views and the protocol alike."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from .. import clock
from ..errors import TokenRefused
from ..reasons import Reason
from ..storage import Storage
from . import tokens
from .subjects import Subjects


class TokenInfo(NamedTuple):
    """An access token that was found good.

    :ivar client_id: the client's public identifier; None for a personal token.
    :ivar client_pk: the client's key; None for a personal token.
    :ivar user_id: the user's key; None for client credentials.
    :ivar scopes: what the token allows.
    :ivar expires_at: naive UTC.
    :ivar issued_at: naive UTC.
    :ivar audience: the resources it is for; None: this provider.
    :ivar authorization: public id of the authorization that it hangs on, or None.
    :ivar name: the name of a personal token, or None.
    :ivar pk: key of the row, or None for a token that is not in our tables.
    :ivar last_used_at: naive UTC, or None.
    :ivar last_used_from: address of that use, where addresses are kept; or None.
    :ivar client_owner: key of the user who owns the client, or None.
    :ivar authorization_pk: key of that authorization, or None.
    :ivar good_until: when it or its authorization expires, whichever comes first; naive UTC.
    :ivar auth_time: when the person had authenticated who gave the authorization; naive UTC, or None.
    :ivar acr: in which of ``OAUTH2_ACR_VALUES``, or None.
    """

    client_id: str | None
    client_pk: int | None
    user_id: Any
    scopes: tuple[str, ...]
    expires_at: datetime
    issued_at: datetime
    audience: tuple[str, ...] | None = None
    authorization: str | None = None
    name: str | None = None
    pk: int | None = None
    last_used_at: datetime | None = None
    last_used_from: str | None = None
    client_owner: Any = None
    authorization_pk: int | None = None
    good_until: datetime | None = None
    auth_time: datetime | None = None
    acr: str | None = None

    @property
    def is_personal(self) -> bool:
        """Whether a user made it by hand."""
        return self.client_id is None


class Use(NamedTuple):
    """That a token was used: from where, if that is kept, and when (naive UTC)."""

    token: TokenInfo
    address: str | None
    moment: datetime


class DatabaseTokens:
    """The lookup of tokens that this provider issued.

    :param storage: the queries.
    :param values: recognises values.
    :param subjects: judges users.
    """

    def __init__(self, storage: Storage, values: tokens.Values, subjects: Subjects) -> None:
        self._storage = storage
        self._values = values
        self._subjects = subjects

    def find(self, value: str) -> TokenInfo | None:
        """The token, or None if it is none of ours.

        :raises TokenRefused: if it is ours but no longer good.
        """
        if not self._values.is_kind(value, tokens.ACCESS, tokens.PERSONAL):
            return None
        row = self._storage.tokens.find_bearer(tokens.digest(value))
        if row is None:
            return None
        try:
            self.judge(row)
        except TokenRefused as refused:
            refused.client_id = row.client_id
            raise
        return _info(row)

    def judge(self, row: Any) -> None:
        """Refuse a row whose access token is no longer good.

        :raises TokenRefused: with the reason.
        """
        if row.expires_at <= clock.now():
            ended = {"ended_at": row.expires_at.isoformat()}
            raise TokenRefused(Reason("token_expired", f"expired at {row.expires_at} UTC", **ended))
        self.judge_owners(row)

    def judge_owners(self, row: Any) -> None:
        """Refuse a row whose authorization, client or user has ended.

        :raises TokenRefused: with the reason.
        """
        if row.revoked_at is not None:
            ended = {"ended_at": row.revoked_at.isoformat()}
            raise TokenRefused(Reason("token_revoked", "revoked", **ended))
        if row.authorization_id is not None:
            if row.public_id is None or row.authorization_revoked_at is not None:
                story = partial(self._story_of_end, row.authorization_id)
                raise TokenRefused(Reason("authorization_ended", "its authorization was revoked", more=story))
            if row.authorization_expires_at <= clock.now():
                ended = {"ended_at": row.authorization_expires_at.isoformat()}
                raise TokenRefused(Reason("authorization_expired", "its authorization has expired", **ended))
        if row.client_pk is not None and (row.client_id is None or row.disabled_at is not None):
            raise TokenRefused(Reason("client_disabled", "its client is disabled or deleted"))
        if row.client_pk is None and row.user_id is None:
            raise TokenRefused(Reason("token_of_nobody", "it belongs to nobody"))
        if not self._subjects.is_row_active(row):
            raise TokenRefused(Reason("user_not_active", "its user is missing or not active"))

    def _story_of_end(self, authorization_id: int) -> dict[str, Any]:
        row = self._storage.authorizations.end(authorization_id)
        return {} if row is None else {"ended_at": row.revoked_at.isoformat(), "ended_by": row.revoked_reason}


def _info(row: Any) -> TokenInfo:
    expires_at, ends_at, audience = row.expires_at, row.authorization_expires_at, row.audience
    return TokenInfo(
        row.client_id,
        row.client_pk,
        row.user_id,
        tuple(row.scope.split()),
        expires_at,
        row.created_at,
        None if audience is None else tuple(audience),
        row.public_id,
        row.name,
        row.id,
        row.last_used_at,
        row.last_used_from,
        row.client_owner,
        row.authorization_id,
        expires_at if ends_at is None or expires_at < ends_at else ends_at,
        row.auth_time,
        row.acr,
    )
