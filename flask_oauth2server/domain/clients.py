"""Clients: register, change, rotate secrets, disable, delete."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from .. import clock
from ..config import LONGEST_TIME
from ..errors import InvalidClientMetadata
from ..storage import Storage
from . import metadata as rules
from . import secrets, tokens

_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,512}")
#: Values that are columns of their own, beside the JSON of RFC 7591 names.
_COLUMNS = (
    "first_party",
    "verified",
    "may_introspect",
    "access_token_expires_in",
    "refresh_token_expires_in",
    "refresh_rotation",
)
MOST_SECRETS = 5
_NO_SECRET = "a public client has no secret, nor one that authenticates in another way."


class ClientRegistry:
    """What may be done with clients. The rules are those of :mod:`.metadata`.

    :param storage: the queries.
    :param values: makes ids and secrets.
    :param fields: known metadata; features add to it.
    :param available: what this server offers.
    :param settings: the ``OAUTH2_*`` settings.
    """

    def __init__(
        self,
        storage: Storage,
        values: tokens.Values,
        fields: Mapping[str, rules.Field],
        available: rules.Available,
        settings: Mapping[str, Any],
    ) -> None:
        self._storage = storage
        self._values = values
        self._fields = fields
        self._available = available
        self._settings = settings

    def create(
        self,
        *,
        name: str,
        redirect_uris: Iterable[str] = (),
        scopes: Iterable[str] | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        owner_key: Any = None,
        **metadata: Any,
    ) -> tuple[Any, str | None]:
        """Register a client, uncommitted; see :meth:`.OAuth2Server.create_client`."""
        allowed = self._default_scopes() if scopes is None else list(dict.fromkeys(scopes))
        columns, own, given = self._sorted_out(metadata)
        complete = self._completed({**given, "redirect_uris": list(redirect_uris), "scope": " ".join(allowed)})
        method = complete["token_endpoint_auth_method"]
        uses_secret = self._uses_secret(method)
        self._check_secret(client_secret, uses_secret)
        client = self._storage.clients.add(
            client_id=self._new_client_id(client_id),
            name=_checked_name(name),
            client_metadata=complete,
            is_confidential=method != "none",
            user_id=owner_key,
            **columns,
            **own,
        )
        secret = self._add_secret(client, client_secret) if uses_secret else None
        return client, secret

    def edit(self, client: Any, *, name: str | None = None, **metadata: Any) -> list[str]:
        """Change a client, uncommitted; returns the names of what changed.

        The type cannot be changed: a public client never becomes confidential.
        """
        columns, own, given = self._sorted_out(metadata)
        before = dict(client.client_metadata)
        known = {k: v for k, v in before.items() if k in self._fields}
        kept = {k: v for k, v in before.items() if k not in self._fields}  # of a feature that is off now
        complete = {**kept, **self._completed({**known, **given}, before)}
        if (complete["token_endpoint_auth_method"] != "none") != client.is_confidential:
            raise InvalidClientMetadata("token_endpoint_auth_method", "the type of a client cannot be changed.")
        changed = [key for key in complete.keys() | before.keys() if complete.get(key) != before.get(key)]
        client.client_metadata = complete
        for key, value in {**columns, **own, **({} if name is None else {"name": _checked_name(name)})}.items():
            if getattr(client, key) != value:
                setattr(client, key, value)
                changed.append(key)
        return sorted(changed)

    def set_disabled(self, client: Any, disabled: bool) -> None:
        """Disable a client, whose tokens stop working at once, or enable it again; uncommitted."""
        client.disabled_at = clock.now() if disabled else None

    def rotate_secret(self, client: Any, client_secret: str | None = None, old_expire_in: int | None = None) -> str:
        """A further secret, uncommitted; returns its value.

        :param client_secret: a secret that is brought along; default: a generated one.
        :param old_expire_in: end the present ones after so many seconds, 0: now; default: they stay.
        """
        uses_secret = self._uses_secret(client.client_metadata["token_endpoint_auth_method"])
        self._check_secret(client_secret, uses_secret)
        if not uses_secret:
            raise InvalidClientMetadata("client_secret", _NO_SECRET)
        live = self._storage.clients.live_secrets(client)
        if old_expire_in is not None:
            for secret in live:
                end = clock.now() + timedelta(seconds=old_expire_in)
                secret.expires_at = min(secret.expires_at or end, end)
        elif len(live) >= MOST_SECRETS:
            raise InvalidClientMetadata("client_secret", f"there are {MOST_SECRETS} secrets already: revoke one first.")
        return self._add_secret(client, client_secret)

    def revoke_secret(self, client: Any, hint: str) -> int:
        """Revoke the live secrets of *client* that end in *hint*, uncommitted; returns how many."""
        found = [secret for secret in self._storage.clients.live_secrets(client) if secret.hint == hint]
        for secret in found:
            secret.revoked_at = clock.now()
        return len(found)

    def _sorted_out(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Our columns, the host's own columns, and RFC 7591 metadata."""
        model = self._storage.clients.models.Client
        columns, own, rest = {}, {}, {}
        for name, value in given.items():
            if name in _COLUMNS:
                columns[name] = value
            elif name in self._fields:
                rest[name] = value
            elif name in model.__mapper__.attrs and name not in _OURS:
                own[name] = value
            else:
                raise InvalidClientMetadata(name, f"is not known; known are {', '.join([*self._fields, *_COLUMNS])}.")
        _check_columns(columns)
        return columns, own, rest

    def _completed(self, given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return rules.completed(given, self._fields, self._available, before or {})

    def _default_scopes(self) -> list[str]:
        return [id_ for id_, _ in self._available.scopes.choices(exclude_internal=True)]

    def _new_client_id(self, given: str | None) -> str:
        if given is None:
            return tokens.random_text(max(self._settings["OAUTH2_CLIENT_ID_SALT_LEN"], 22))
        if not _CLIENT_ID.fullmatch(given):
            raise InvalidClientMetadata("client_id", "use 1 to 512 printable ASCII characters without spaces.")
        if self._storage.clients.get(given) is not None:
            raise InvalidClientMetadata("client_id", f"{given!r} is taken.")
        return given

    def _uses_secret(self, method: str) -> bool:
        auth = self._available.auth_methods.get(method)
        return bool(auth and auth.uses_secret)

    def _check_secret(self, value: str | None, uses_secret: bool) -> None:
        if value is None:
            return
        if not uses_secret:
            raise InvalidClientMetadata("client_secret", _NO_SECRET)
        if not secrets.is_storable(value):
            raise InvalidClientMetadata("client_secret", "use 1 to 1,024 characters without NUL.")

    def _add_secret(self, client: Any, given: str | None) -> str:
        value = given or self._values.make(tokens.SECRET, self._settings["OAUTH2_CLIENT_SECRET_SALT_LEN"])
        imported = given is not None
        # Four characters of a short secret would tell too much of it: it gets a name by chance.
        hint = tokens.hint(value) if len(value) >= secrets.LONG else f"~{tokens.random_text(4)}"
        self._storage.clients.add_secret(client, digest=secrets.hashed(value), hint=hint, imported=imported)
        return value


_OURS = {"id", "client_id", "client_metadata", "is_confidential", "user_id", "disabled_at", "created_at", "name"}


def _checked_name(name: str) -> str:
    if not rules.is_name(name):
        raise InvalidClientMetadata("name", "give the application a name of at most 255 printable characters.")
    return name.strip()


def _check_columns(columns: Mapping[str, Any]) -> None:
    for name in ("first_party", "verified", "may_introspect"):
        if name in columns and not isinstance(columns[name], bool):
            raise InvalidClientMetadata(name, "must be true or false.")
    for name in ("access_token_expires_in", "refresh_token_expires_in"):
        value = columns.get(name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and 1 <= value <= LONGEST_TIME):
            raise InvalidClientMetadata(name, f"must be a whole number of seconds from 1 to {LONGEST_TIME}.")
    if columns.get("refresh_rotation", "always") not in ("always", "never"):
        raise InvalidClientMetadata("refresh_rotation", 'must be "always" or "never".')
