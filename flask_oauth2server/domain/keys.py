"""Signing keys: made when they are needed first, one generation after the other, encrypted where they are kept."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from blinker import NamedSignal

from .. import clock, jose, signals
from ..errors import ConfigurationError, OAuth2ServerError, Outdated
from ..storage import Storage
from . import audit, key_facts
from .audit import SERVER, Actor, Audit
from .derived import app_secrets, derived
from .key_facts import KeyFacts, Schedule

log = logging.getLogger(__name__)

#: What other workers have made is seen after so many seconds.
STALENESS = 30
#: So long after it has been replaced a key still verifies what only this server reads: hints of old ID tokens.
_KEPT = timedelta(days=400)
_SALT = "salt"
_PURPOSE = "keys"
#: Who made a key by the way: what is told of the request that needed it is not the audit's.
_ITSELF: Mapping[str, Any] = {"actor": Actor(SERVER), "address": None, "device": None}

#: Signals to send when it is committed.
Happened = list[tuple[NamedSignal, dict[str, Any]]]


class KeyUnreadable(OAuth2ServerError):  # noqa: N818
    """A private key cannot be decrypted with this ``SECRET_KEY``; the message says what to do.

    :ivar trouble: ``lost`` or ``damaged``.
    """

    trouble = key_facts.LOST


class Keys:
    """The signing keys of one app.

    :param storage: the queries.
    :param settings: ``OAUTH2_SIGNING_KEYS``, ``OAUTH2_KEY_ROTATE_AFTER`` and ``OAUTH2_KEY_PUBLISHED_BEFORE`` are
        read.
    :param audit: writes down what is done to keys.
    :raises ConfigurationError: if ``OAUTH2_SIGNING_KEYS`` holds no usable keys.
    """

    def __init__(self, storage: Storage, settings: Mapping[str, Any], audit: Audit) -> None:
        self._storage = storage
        self._audit = audit
        self._rotate_after = timedelta(seconds=settings["OAUTH2_KEY_ROTATE_AFTER"])
        self._ahead = timedelta(seconds=settings["OAUTH2_KEY_PUBLISHED_BEFORE"])
        self._configured = _configured(settings["OAUTH2_SIGNING_KEYS"])
        #: Seconds that what is signed here lives at most: so long a key is published after its last signature.
        self.lifetime = 0
        self._rows: tuple[float, list[Any]] = (0.0, [])
        #: Algorithms for which nothing is to be made, as these rows are.
        self._ready: set[str] = set()
        self._opened: dict[str, jose.Key] = {}
        self._salt: bytes | None = None

    @property
    def is_configured(self) -> bool:
        """Whether the keys come from ``OAUTH2_SIGNING_KEYS``, and none are made here."""
        return self._configured is not None

    @property
    def algorithms(self) -> list[str]:
        """With which one can sign here: all of ours, or those that the configuration has a private key for."""
        own = {key.alg for key in self._configured or () if key.material.is_private}
        return [alg for alg in jose.ALGORITHMS if self._configured is None or alg in own]

    def prepare(self, alg: str) -> None:
        """See to it that there is a key for *alg*, and in time the next one, encrypted with the ``SECRET_KEY`` of
        today; a unit of its own where there is something to do."""
        if self._configured is not None:
            return
        rows = self.rows()
        if alg in self._ready:
            return
        if self._due(rows, alg) is not None or self._outdated(rows, alg):
            self._act(partial(self._make_due, alg))
        else:
            self._ready.add(alg)

    def prepare_salt(self) -> None:
        """See to it that there is the salt of pairwise identifiers, which is made once, encrypted with the
        ``SECRET_KEY`` of today; a unit of its own where there is something to do."""
        row = self._salt_row()
        if row is None or _is_outdated(row):
            self._storage.unit.run(self._make_salt)
            self._forget()

    def salt(self) -> bytes:
        """The salt of pairwise identifiers; made now, if nobody has prepared it.

        :raises KeyUnreadable: if it was encrypted with another ``SECRET_KEY``.
        """
        if self._salt is None:
            self.prepare_salt()
            self._salt = bytes.fromhex(self._secret(self._salt_row())["salt"])
        return self._salt

    def _salt_row(self) -> Any:
        return next((row for row in self.rows() if row.use == _SALT), None)

    def _make_salt(self) -> None:
        row = next((row for row in self._storage.signing_keys.all_keys() if row.use == _SALT), None)
        if row is None:
            salt = {"salt": secrets.token_hex(32)}
            self._add(_SALT, "pairwise", 1, salt, kid="pairwise", active_from=clock.now())
        else:
            self._seal_anew(row)

    def signer(self, alg: str) -> jose.Key:
        """The key that signs for *alg* now.

        :raises KeyUnreadable: if it was encrypted with another ``SECRET_KEY``.
        :raises ConfigurationError: if there is none.
        """
        if self._configured is not None:
            own = next((key for key in self._configured if key.alg == alg and key.material.is_private), None)
            if own is None:
                raise ConfigurationError(f"OAUTH2_SIGNING_KEYS has no private key for {alg}.")
            return own
        row = key_facts.active(self.rows(), alg)
        if row is None:
            raise ConfigurationError(f"There is no signing key for {alg}: run `flask oauth2 key rotate --alg {alg}`.")
        return self._open(row)

    def published(self) -> list[dict[str, Any]]:
        """The JWK Set for everybody: what signs, what will, and what has signed something that may still live."""
        if self._configured is not None:
            return [jose.public(key) for key in self._configured]
        rows, now = self.rows(), clock.now()
        published = [row for row in rows if key_facts.published_until(rows, row, self._grace) > now]
        return [row.public for row in published if key_facts.is_whole(row)]

    def verifiers(self) -> list[jose.Key]:
        """All keys whose signatures are believed when they come back to this server."""
        if self._configured is not None:
            return self._configured
        trusted = [row for row in self.rows() if row.use == key_facts.SIGNATURE and row.revoked_at is None]
        return [jose.imported(row.public) for row in trusted if key_facts.is_whole(row)]

    def overview(self) -> list[KeyFacts]:
        """All keys, in order of algorithm and age."""
        if self._configured is not None:
            first = {key.alg: key for key in reversed(self._configured) if key.material.is_private}
            return [
                KeyFacts(k.kid, k.alg, key_facts.ACTIVE if k is first.get(k.alg) else key_facts.RETIRED)
                for k in self._configured
            ]
        rows = [row for row in self._storage.signing_keys.all_keys() if row.use == key_facts.SIGNATURE]
        schedule = Schedule(self._rotate_after, self._ahead, self._grace)
        found = [(row, key_facts.facts(rows, row, schedule)) for row in rows]
        return [told._replace(trouble=self._trouble(row, told.state)) for row, told in found]

    def _trouble(self, row: Any, state: str) -> str:
        try:
            if state in (key_facts.NEXT, key_facts.ACTIVE):
                self._secret(row)
        except KeyUnreadable as error:
            return error.trouble
        return ""

    def is_salt_lost(self) -> bool:
        """Whether the salt of pairwise identifiers is there and cannot be read."""
        row = self._salt_row()
        return row is not None and bool(self._trouble(row, key_facts.ACTIVE))

    @property
    def _grace(self) -> timedelta:
        """So long after it has been replaced a key is published."""
        return timedelta(seconds=self.lifetime + STALENESS)

    # --- making and ending them ----------------------------------------------------------------------

    def rotate(self, alg: str, *, at_once: bool = False, seen: str | None = None) -> None:
        """The next generation, a unit of its own.

        :param at_once: sign with it from now on, instead of after the time in which clients learn of it. One that
            waits is taken then, unless it cannot be read.
        :param seen: the :func:`.key_facts.mark` of the keys as whoever wants this saw them.
        :raises Outdated: if they are not as they were seen.
        :raises OAuth2ServerError: if the next one is there already, or the keys come from the configuration.
        """
        self._refuse_configured()
        self._act(partial(self._rotate, alg, at_once, seen))

    def _rotate(self, alg: str, at_once: bool, seen: str | None) -> Happened:
        rows, now = self._storage.signing_keys.all_keys(), clock.now()
        if seen is not None and seen != key_facts.marked(rows, alg):
            raise Outdated(f"The keys for {alg} were changed meanwhile.")
        current, waits = key_facts.active(rows, alg), key_facts.waiting(rows, alg)
        if at_once and current is not None:
            return self._replace(rows, current)
        if waits and not at_once:
            raise OAuth2ServerError(f"The next key for {alg} waits already, until {waits[0].active_from} UTC.")
        return [self._make(rows, alg, now if current is None else now + self._ahead)]

    def _replace(self, rows: Sequence[Any], current: Any) -> Happened:
        """Sign with another key from now on: with the one that waits, if it can be read; else with a new one."""
        happened: Happened = []
        now, kid = clock.now(), ""
        for row in reversed(key_facts.waiting(rows, current.alg)):
            if self._trouble(row, key_facts.NEXT):
                happened += self._end(row, "unreadable")
            elif not kid and not self._storage.signing_keys.activate(row.id, row.active_from, now):
                raise Outdated(f"The keys for {current.alg} were changed meanwhile.")
            else:
                kid = kid or row.kid
        if kid:
            happened.append((signals.signing_key_activated, {"kid": kid, "alg": current.alg}))
        else:
            happened.append(self._make(rows, current.alg, now))
            kid = happened[-1][1]["kid"]
        self._audit.note(audit.KEY_ROTATED, None, name=kid, changes={"kid": [current.kid, kid]})
        return happened

    def revoke(self, kid: str) -> None:
        """Trust a key no more, a unit of its own; where it has signed until now, another one does.

        :raises Outdated: if there is no such key, or it was revoked.
        :raises OAuth2ServerError: if the keys come from the configuration.
        """
        self._refuse_configured()
        self._act(partial(self._revoke, kid))

    def _revoke(self, kid: str) -> Happened:
        rows = self._storage.signing_keys.all_keys()
        row = next((row for row in rows if row.kid == kid and row.use == key_facts.SIGNATURE), None)
        happened = [] if row is None else self._end(row)
        if row is None or not happened:
            raise Outdated(f"There is no key {kid!r} that is not revoked.")
        return [*happened, *(self._replace(rows, row) if row is key_facts.active(rows, row.alg) else [])]

    def _end(self, row: Any, reason: str | None = None) -> Happened:
        """Revoke one; nothing happens if it was revoked."""
        if not self._storage.signing_keys.revoke(row.kid, clock.now()):
            return []
        self._audit.note(audit.KEY_REVOKED, None, name=row.kid, reason=reason)
        return [(signals.signing_key_revoked, {"kid": row.kid, "alg": row.alg})]

    def _act(self, work: Callable[[], Happened]) -> None:
        happened = self._storage.unit.run(work)
        self._forget()
        for signal, what in happened:
            signals.tell(signal, **what)

    def purge(self, limit: int) -> int:
        """Remove at most *limit* keys that nothing is verified with any more."""
        rows, now = self._storage.signing_keys.all_keys(), clock.now()
        ended = [row.id for row in rows if row.use == key_facts.SIGNATURE and self._kept_until(rows, row) < now][:limit]
        return self._storage.signing_keys.remove(ended) if ended else 0

    def _kept_until(self, rows: Sequence[Any], row: Any) -> datetime:
        if row.revoked_at is not None:
            return row.revoked_at + _KEPT  # type: ignore[no-any-return]
        until = key_facts.published_until(rows, row, self._grace)
        return until if until == datetime.max else until + _KEPT

    def _refuse_configured(self) -> None:
        if self._configured is not None:
            raise OAuth2ServerError("The keys come from OAUTH2_SIGNING_KEYS: change them there.")

    def _due(self, rows: Sequence[Any], alg: str) -> datetime | None:
        """From when on a key is to be used that is to be made now, or None."""
        now, current = clock.now(), key_facts.active(rows, alg)
        if current is None:
            return now
        old = self._rotate_after and now >= current.active_from + self._rotate_after - self._ahead
        return now + self._ahead if old and not key_facts.waiting(rows, alg) else None

    def _make_due(self, alg: str) -> Happened:
        rows = self._storage.signing_keys.all_keys()
        for row in self._outdated(rows, alg):
            self._seal_anew(row)
        moment = self._due(rows, alg)
        return [] if moment is None else [self._make(rows, alg, moment, **_ITSELF)]

    def _make(
        self, rows: Sequence[Any], alg: str, active_from: datetime, **by: Any
    ) -> tuple[NamedSignal, dict[str, Any]]:
        """A new generation; of two workers that make it at once one is told that there was a conflict."""
        key = jose.made(alg)
        kid, public = key["kid"], jose.public(jose.imported(key))
        generation = max((r.generation for r in rows if r.alg == alg and r.use == key_facts.SIGNATURE), default=0) + 1
        self._add(key_facts.SIGNATURE, alg, generation, key, kid=kid, public=public, active_from=active_from)
        changes = {"alg": [None, alg], "active_from": [None, f"{active_from} UTC"]}
        self._audit.note(audit.KEY_MADE, None, name=kid, changes=changes, **by)
        log.info("made signing key %s for %s, in use from %s UTC on", kid, alg, active_from)
        return signals.signing_key_created, {"kid": kid, "alg": alg, "active_from": active_from}

    def _add(self, use: str, alg: str, generation: int, secret: Mapping[str, Any], **columns: Any) -> None:
        what = {"use": use, "alg": alg, "generation": generation, "private": _sealed(secret), **columns}
        self._storage.signing_keys.add(created_at=clock.now(), **what)

    # --- reading them --------------------------------------------------------------------------------

    def rows(self) -> list[Any]:
        """All rows, as they were :data:`STALENESS` seconds ago at most."""
        until, rows = self._rows
        if clock.timestamp() >= until:
            rows = self._storage.signing_keys.all_keys()
            self._rows, self._ready = (clock.timestamp() + STALENESS, rows), set()
        return rows

    def _forget(self) -> None:
        self._rows = 0.0, []

    def _open(self, row: Any) -> jose.Key:
        if row.kid not in self._opened:
            self._opened[row.kid] = jose.imported(self._secret(row))
        return self._opened[row.kid]

    def _secret(self, row: Any) -> dict[str, Any]:
        """What a row holds encrypted."""
        secret = dict(_secrets()).get(jose.sealed_with(row.private))
        if secret is None:
            raise KeyUnreadable(_advice(row))
        try:
            return jose.opened(row.private, secret)
        except jose.Invalid as error:
            damaged = KeyUnreadable(f"The row of the key {row.kid} is damaged: {error}.")
            damaged.trouble = key_facts.DAMAGED
            raise damaged from error

    def _outdated(self, rows: Sequence[Any], alg: str) -> list[Any]:
        """Keys that sign or will, and were encrypted with a former ``SECRET_KEY``."""
        used = [row for row in (key_facts.active(rows, alg), *key_facts.waiting(rows, alg)) if row is not None]
        return [row for row in used if _is_outdated(row) and not self._trouble(row, key_facts.ACTIVE)]

    def _seal_anew(self, row: Any) -> None:
        if _is_outdated(row):
            self._storage.signing_keys.seal_anew(row.id, row.private, _sealed(self._secret(row)))


def _advice(row: Any) -> str:
    told = (
        f"The key {row.kid} was encrypted with another SECRET_KEY. Put the former one into SECRET_KEY_FALLBACKS, or, "
        f"if it is lost, run `flask oauth2 key rotate --now --alg {row.alg}`."
    )
    salt = (
        "The salt of pairwise names was encrypted with another SECRET_KEY. Put the former one into "
        "SECRET_KEY_FALLBACKS: without it clients take everybody for somebody new."
    )
    return salt if row.use == _SALT else told


def _is_outdated(row: Any) -> bool:
    """Whether a row was encrypted with a former ``SECRET_KEY``, so that it can be with the one of today."""
    name = jose.sealed_with(row.private)
    return name != _secrets()[0][0] and name in dict(_secrets())


def _secrets() -> list[tuple[str, bytes]]:
    """Names and keys; the first one encrypts."""
    return [derived(secret, _PURPOSE) for secret in app_secrets()]


def _sealed(secret: Mapping[str, Any]) -> str:
    name, key = _secrets()[0]
    return jose.sealed(secret, key, name)


def _configured(text: str | None) -> list[jose.Key] | None:
    """The keys of ``OAUTH2_SIGNING_KEYS``, a JWK Set (RFC 7517, 5) as JSON."""
    if text is None:
        return None
    try:
        keys = [jose.imported(key) for key in json.loads(text)["keys"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, jose.Invalid) as error:
        # Never the value: it is secret.
        why = str(error) if isinstance(error, jose.Invalid) else type(error).__name__
        raise ConfigurationError(
            f"OAUTH2_SIGNING_KEYS must be a JWK Set as JSON, with private keys that name their alg ({why}). "
            "`flask oauth2 key generate` prints one."
        ) from None
    if len({key.kid for key in keys}) < len(keys) or not keys:
        raise ConfigurationError("OAUTH2_SIGNING_KEYS must hold keys that differ in their kid, one at least.")
    return keys
