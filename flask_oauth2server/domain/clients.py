"""Clients: register, change, rotate secrets, disable, delete."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from .. import clock
from ..config import LONGEST_TIME
from ..errors import InvalidClientMetadata, Outdated
from ..storage import Storage
from ..text import Sentence
from . import audit, client_changes, client_search, identifiers, logos, names, presets, secrets, tokens
from . import metadata as rules

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
#: The kind of handle by which a client is offered to another owner.
OFFER = "offer"
#: What a check of a client has looked at, all that stands beside its badge: whoever changes it wants a new one.
CHECKED = frozenset(("name", "logo", "redirect_uris", "client_uri", "policy_uri", "tos_uri"))
#: Stands for an owner who stays.
SAME: Any = object()
#: Whoever holds tokens would learn what another sector calls people.
_OTHER_NAMES = Sentence(
    "people have names of their own here, which hang on this host. Ask an administrator to change it."
)
_NO_SECRET = "a public client has no secret, nor one that authenticates in another way."


class ClientRegistry:
    """What may be done with clients. The rules are those of :mod:`.metadata`.

    :param storage: the queries.
    :param values: makes ids and secrets.
    :param fields: known metadata; features add to it.
    :param available: what this server offers.
    :param settings: the ``OAUTH2_*`` settings.
    :param audit: notes what happens in whose name.
    """

    def __init__(
        self,
        storage: Storage,
        values: tokens.Values,
        fields: Mapping[str, rules.Field],
        available: rules.Available,
        settings: Mapping[str, Any],
        audit: audit.Audit,
    ) -> None:
        self._storage = storage
        self._values = values
        self._fields = fields
        self.available = available
        self._settings = settings
        self._audit = audit

    def create(
        self,
        *,
        name: str,
        redirect_uris: Iterable[str] = (),
        scopes: Iterable[str] | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        owner_key: Any = None,
        logo: bytes | None = None,
        preset: str | None = None,
        **metadata: Any,
    ) -> tuple[Any, str | None]:
        """Register a client, uncommitted; see :meth:`.OAuth2Server.create_client`."""
        if preset is not None:
            kind = presets.named(preset, self.available)
            metadata = kind.applied(metadata, self.available)
            scopes = kind.scopes if scopes is None else scopes
        allowed = self._default_scopes() if scopes is None else list(dict.fromkeys(scopes))
        columns, own, given = self._sorted_out(metadata)
        complete = self._completed({**given, "redirect_uris": list(redirect_uris), "scope": " ".join(allowed)})
        method = complete["token_endpoint_auth_method"]
        uses_secret = self._uses_secret(method)
        self._check_secret(client_secret, uses_secret)
        name = _checked_name(name)
        rules.confirm(complete, self._fields, {})
        client = self._storage.clients.add(
            client_id=self._new_client_id(client_id),
            name=name,
            name_key=names.key(name),
            verified_at=clock.now() if columns.get("verified") else None,
            client_metadata=complete,
            is_confidential=method != "none",
            user_id=owner_key,
            **columns,
            **own,
        )
        self._let_be_found(client)
        secret = self._add_secret(client, client_secret)[0] if uses_secret else None
        if logo is not None:
            self.set_logo(client, logo)
        self._note(audit.CLIENT_MADE, client, changes=client_changes.between({}, self._facts(client, logo is not None)))
        return client, secret

    def edit(
        self,
        client: Any,
        *,
        name: str | None = None,
        by_owner: bool = False,
        seen: str | None = None,
        owner_key: Any = SAME,
        **metadata: Any,
    ) -> list[str]:
        """Change a client, uncommitted; returns the names of what changed.

        The type cannot be changed: a public client never becomes confidential.

        :param by_owner: what a check has looked at wants a new one, then, and people are asked again.
        :param seen: the :meth:`fingerprint` of what whoever changes it has looked at.
        :param owner_key: of its new owner.
        :raises Outdated: if it is another one by now.
        """
        looked_at, confirmed = _checked_values(client), self._confirmed(client, metadata)
        self._storage.clients.hold(client)
        if seen is not None and self.fingerprint(client) != seen:
            raise Outdated("the client was changed meanwhile")
        if metadata.get("verified") and _checked_values(client) != looked_at:
            raise InvalidClientMetadata("verified", Sentence("the application was changed meanwhile: look again."))
        changes = {} if name is None else {"name": _checked_name(name), "name_key": names.key(name)}
        was, has_logo = self._facts(client, "logo" in metadata), "logo" in metadata
        picture = {"logo"} & metadata.keys() and self.set_logo(client, metadata.pop("logo"))
        columns, own, given = self._sorted_out(metadata)
        before = dict(client.client_metadata)
        complete = self._changed(before, given)
        if confirmed is not None and confirmed != complete:
            raise Outdated("the client was changed while another machine was asked")
        if (complete["token_endpoint_auth_method"] != "none") != client.is_confidential:
            raise InvalidClientMetadata("token_endpoint_auth_method", "the type of a client cannot be changed.")
        if by_owner and identifiers.naming(complete) != identifiers.naming(before):
            raise InvalidClientMetadata("redirect_uris", _OTHER_NAMES)
        changed = {key for key in complete.keys() | before.keys() if complete.get(key) != before.get(key)}
        changed |= {"logo"} if picture else set()
        client.client_metadata = complete
        changed |= _assigned(client, {**columns, **own, **changes}) - {"name_key"}
        if by_owner and not CHECKED.isdisjoint(changed):
            changed |= _assigned(client, {"verified": False})
        if by_owner and not (CHECKED | {"scope"}).isdisjoint(changed):
            changed |= _assigned(client, {"first_party": False})
        if "verified" in changed:
            client.verified_at = clock.now() if client.verified else None
        if not {"name", "redirect_uris"}.isdisjoint(changed):
            self._let_be_found(client)
        if changed:
            kind = audit.CLIENT_CHECKED if changed == {"verified"} and client.verified else audit.CLIENT_CHANGED
            told = client_changes.between(was, self._facts(client, has_logo), changed)
            self._note(kind, client, changes=told)
        if owner_key is not SAME and owner_key != client.user_id:
            self._give(client, owner_key)
            changed |= {"owner"}
        return sorted(changed)

    def _changed(self, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """The metadata that a client had, with changes."""
        known = {k: v for k, v in before.items() if k in self._fields}
        kept = {k: v for k, v in before.items() if k not in self._fields}  # of a feature that is off now
        return {**kept, **self._completed({**known, **given}, before)}

    def _confirmed(self, client: Any, metadata: Mapping[str, Any]) -> dict[str, Any] | None:
        """The metadata as it will be, confirmed by other machines, before anything is held: they may be slow.
        None where none has to be asked."""
        before = dict(client.client_metadata)
        if not rules.needs_confirmation({**before, **metadata}, self._fields):
            return None
        complete = self._changed(before, {k: v for k, v in metadata.items() if k in self._fields})
        rules.confirm(complete, self._fields, before)
        return complete

    def fingerprint(self, client: Any) -> str:
        """Tells whether a client is still what somebody has looked at, to change it."""
        values = [client.name, client.client_metadata, str(client.user_id)]
        values += [getattr(client, column) for column in _COLUMNS]
        values.append(self._storage.logos.digests([client.id]).get(client.id))
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def _facts(self, client: Any, has_logo: bool = False) -> dict[str, Any]:
        logo = self._storage.logos.digests([client.id]).get(client.id) if has_logo else None
        return client_changes.facts(client, logo)

    def _let_be_found(self, client: Any) -> None:
        found = client_search.terms(client.name, client.client_id, client.redirect_uris)
        self._storage.client_search.put_terms(client.id, found)

    def set_logo(self, client: Any, content: bytes | None) -> bool:
        """Give a client a picture, uncommitted, or take it away; False if nothing changed.

        :raises InvalidClientMetadata: if it is none that is accepted.
        """
        if content is None:
            return self._storage.logos.remove(client.id)
        try:
            picture = logos.judged(content)
        except ValueError as error:
            raise InvalidClientMetadata("logo", error.args[0]) from None
        digest = hashlib.sha256(content).hexdigest()
        if self._storage.logos.digests([client.id]).get(client.id) == digest:
            return False
        self._storage.logos.put(client.id, content=content, content_type=picture.content_type, digest=digest)
        return True

    def check_own_name(self, name: str, client_pk: int | None = None) -> None:
        """Refuse a name by which people would take an application for another one, or for the provider.

        :param client_pk: of the application that is to have it, if there is one.
        :raises InvalidClientMetadata: with a sentence that names the remedy.
        """
        near = names.is_near(name, self._settings["OAUTH2_PROVIDER_NAME"])
        if near or self._storage.clients.is_name_taken(names.key(name), client_pk):
            host = self._settings["OAUTH2_PROVIDER_NAME"]
            taken = Sentence("“%(name)s” is taken. Choose another.", name=name)
            if host:
                close = "“%(name)s” is taken or too close to %(host)s's own name. Choose another."
                taken = Sentence(close, name=name, host=host)
            raise InvalidClientMetadata("name", taken)

    def hand_over(self, client: Any, owner_key: Any) -> None:
        """Give a client to another owner, uncommitted; who makes it was part of what was checked."""
        self._storage.clients.hold(client)
        client.verified, client.verified_at = False, None
        client.first_party, client.may_introspect = False, False
        self._give(client, owner_key)

    def _give(self, client: Any, owner_key: Any) -> None:
        self._storage.grants.withdraw(OFFER, client.id)
        self._note(audit.CLIENT_GIVEN_AWAY, client)
        client.user_id = owner_key
        self._note(audit.CLIENT_TAKEN_OVER, client)

    def delete(self, client: Any) -> None:
        """Remove a client with all that hangs on it, uncommitted.

        :raises Gone: if it was deleted meanwhile.
        """
        self._note(audit.CLIENT_DELETED, client, changes=client_changes.between(self._facts(client, True), {}))
        self._storage.clients.delete(client)

    def _note(self, kind: str, client: Any, **facts: Any) -> None:
        """It concerns its owner, whoever did it."""
        self._audit.note(kind, client.user_id, client_id=client.client_id, client_name=client.name, **facts)

    def set_disabled(self, client: Any, disabled: bool) -> None:
        """Disable a client, whose tokens stop working at once, or enable it again; uncommitted."""
        self._storage.clients.hold(client)
        if disabled != (client.disabled_at is not None):
            self._note(audit.CLIENT_DISABLED if disabled else audit.CLIENT_ENABLED, client)
        client.disabled_at = clock.now() if disabled else None

    def note_offer(self, client: Any, made: bool) -> None:
        """Note that a client was offered to another owner, or the offer withdrawn, uncommitted."""
        self._note(audit.CLIENT_OFFERED if made else audit.OFFER_WITHDRAWN, client)

    def rotate_secret(self, client: Any, client_secret: str | None = None, old_expire_in: int | None = None) -> str:
        """A further secret, uncommitted; returns its value.

        :param client_secret: a secret that is brought along; default: a generated one.
        :param old_expire_in: end the present ones after so many seconds, 0: now; default: they stay.
        """
        self._storage.clients.hold(client)  # so that nobody makes a sixth one meanwhile
        uses_secret = self._uses_secret(client.client_metadata["token_endpoint_auth_method"])
        self._check_secret(client_secret, uses_secret)
        if not uses_secret:
            raise InvalidClientMetadata("client_secret", _NO_SECRET)
        live = self._storage.clients.live_secrets(client, held=True)
        ends: dict[str, Any] | None = None
        if old_expire_in is not None:
            end, ends = clock.now() + timedelta(seconds=old_expire_in), {}
            for secret in live:
                before, secret.expires_at = secret.expires_at, min(secret.expires_at or end, end)
                ends[f"end of {secret.hint}"] = [before and before.isoformat(), secret.expires_at.isoformat()]
        elif len(live) >= MOST_SECRETS:
            raise InvalidClientMetadata("client_secret", f"there are {MOST_SECRETS} secrets already: revoke one first.")
        value, hint = self._add_secret(client, client_secret)
        self._note(audit.SECRET_MADE, client, name=hint, changes=ends)
        return value

    def revoke_secret(self, client: Any, hint: str | None = None, pk: int | None = None) -> list[str]:
        """Revoke the live secrets of *client* that end in *hint*, or the one with this key, uncommitted;
        returns their hints."""
        self._storage.clients.hold(client)
        live = self._storage.clients.live_secrets(client, held=True)
        found = [secret for secret in live if secret.hint == hint or secret.id == pk]
        for secret in found:
            secret.revoked_at = clock.now()
            self._note(audit.SECRET_ENDED, client, name=secret.hint)
        return [secret.hint for secret in found]

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
        return rules.completed(given, self._fields, self.available, before or {})

    def _default_scopes(self) -> list[str]:
        return [id_ for id_, _ in self.available.scopes.choices(exclude_internal=True)]

    def _new_client_id(self, given: str | None) -> str:
        if given is None:
            return tokens.random_text(max(self._settings["OAUTH2_CLIENT_ID_SALT_LEN"], 22))
        if not _CLIENT_ID.fullmatch(given):
            raise InvalidClientMetadata("client_id", "use 1 to 512 printable ASCII characters without spaces.")
        if self._storage.clients.get(given) is not None:
            raise InvalidClientMetadata("client_id", f"{given!r} is taken.")
        return given

    def _uses_secret(self, method: str) -> bool:
        auth = self.available.auth_methods.get(method)
        return bool(auth and auth.uses_secret)

    def _check_secret(self, value: str | None, uses_secret: bool) -> None:
        if value is None:
            return
        if not uses_secret:
            raise InvalidClientMetadata("client_secret", _NO_SECRET)
        if not secrets.is_storable(value):
            raise InvalidClientMetadata("client_secret", "use 1 to 1,024 characters without NUL.")

    def _add_secret(self, client: Any, given: str | None) -> tuple[str, str]:
        """A further secret: its value and its hint."""
        value = given or self._values.make(tokens.SECRET, self._settings["OAUTH2_CLIENT_SECRET_SALT_LEN"])
        imported = given is not None
        # Four characters of a short secret would tell too much of it: it gets a name by chance.
        hint = tokens.hint(value) if len(value) >= secrets.LONG else f"~{tokens.random_text(4)}"
        self._storage.clients.add_secret(client, digest=secrets.hashed(value), hint=hint, imported=imported)
        return value, hint


def _checked_values(client: Any) -> tuple[Any, ...]:
    """What whoever checks a client has looked at, as far as the model has it."""
    return client.name, client.redirect_uris, client.user_id


def _assigned(client: Any, values: Mapping[str, Any]) -> set[str]:
    """Set attributes of *client*; returns the names of those that changed."""
    changed = {name for name, value in values.items() if getattr(client, name) != value}
    for name in changed:
        setattr(client, name, values[name])
    return changed


_OURS = {"id", "client_id", "client_metadata", "is_confidential", "user_id", "disabled_at", "created_at"}
_OURS |= {"name", "name_key", "verified_at"}


def _checked_name(name: str) -> str:
    try:
        rules.check_name(name)
    except ValueError as error:
        raise InvalidClientMetadata("name", error.args[0]) from None
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
