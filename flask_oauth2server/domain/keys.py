"""Signing keys: made when they are needed first, one generation after the other, encrypted where they are kept."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from .. import clock, jose
from ..errors import ConfigurationError, OAuth2ServerError
from ..storage import Storage
from .derived import app_secrets, derived

log = logging.getLogger(__name__)

#: What other workers have made is seen after so many seconds.
STALENESS = 30
#: So long after it has been replaced a key still verifies what only this server reads: hints of old ID tokens.
_KEPT = timedelta(days=400)
_SIGNATURE, _SALT = "sig", "salt"
_PURPOSE = "keys"


class KeyUnreadable(OAuth2ServerError):  # noqa: N818
    """A private key cannot be decrypted with this ``SECRET_KEY``; the message says what to do."""


class KeyFacts(NamedTuple):
    """What is told of a key: naive UTC times, and what it does now.

    :ivar state: ``next``, ``active``, ``retired`` (published, since something that it signed may still live),
        ``ended`` or ``revoked``.
    """

    kid: str
    alg: str
    state: str
    active_from: datetime | None
    published_until: datetime | None


class Keys:
    """The signing keys of one app.

    :param storage: the queries.
    :param settings: ``OAUTH2_SIGNING_KEYS``, ``OAUTH2_KEY_ROTATE_AFTER`` and ``OAUTH2_KEY_PUBLISHED_BEFORE`` are
        read.
    :raises ConfigurationError: if ``OAUTH2_SIGNING_KEYS`` holds no usable keys.
    """

    def __init__(self, storage: Storage, settings: Mapping[str, Any]) -> None:
        self._storage = storage
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

    def prepare(self, alg: str) -> None:
        """See to it that there is a key for *alg*, and in time the next one, encrypted with the ``SECRET_KEY`` of
        today; a unit of its own where there is something to do."""
        if self._configured is not None:
            return
        rows = self.rows()
        if alg in self._ready:
            return
        if self._due(rows, alg) is not None or self._is_outdated(active(rows, alg)):
            self._storage.unit.run(partial(self._make_due, alg))
            self._forget()
        else:
            self._ready.add(alg)

    def prepare_salt(self) -> None:
        """See to it that there is the salt of pairwise identifiers, which is made once; a unit of its own."""
        if self._salt_row() is None:
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
        if not any(row.use == _SALT for row in self._storage.signing_keys.all_keys()):
            salt = {"salt": secrets.token_hex(32)}
            self._add(_SALT, "pairwise", 1, salt, kid="pairwise", active_from=clock.now())

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
        row = active(self.rows(), alg)
        if row is None:
            raise ConfigurationError(f"There is no signing key for {alg}: run `flask oauth2 key rotate --alg {alg}`.")
        return self._open(row)

    def published(self) -> list[dict[str, Any]]:
        """The JWK Set for everybody: what signs, what will, and what has signed something that may still live."""
        if self._configured is not None:
            return [jose.public(key) for key in self._configured]
        rows, now = self.rows(), clock.now()
        return [row.public for row in rows if self.published_until(rows, row) > now and _is_whole(row)]

    def verifiers(self) -> list[jose.Key]:
        """All keys whose signatures are believed when they come back to this server."""
        if self._configured is not None:
            return self._configured
        trusted = [row for row in self.rows() if row.use == _SIGNATURE and row.revoked_at is None]
        return [jose.imported(row.public) for row in trusted if _is_whole(row)]

    def overview(self) -> list[KeyFacts]:
        """All keys, in order of algorithm and age."""
        if self._configured is not None:
            first = {key.alg: key for key in reversed(self._configured) if key.material.is_private}
            states = [(key, "active" if key is first.get(key.alg) else "retired") for key in self._configured]
            return [KeyFacts(key.kid, key.alg, state, None, None) for key, state in states]
        rows = [row for row in self._storage.signing_keys.all_keys() if row.use == _SIGNATURE]
        return [self._facts(rows, row) for row in rows]

    def _facts(self, rows: Sequence[Any], row: Any) -> KeyFacts:
        until, now = self.published_until(rows, row), clock.now()
        if row.revoked_at is not None:
            return KeyFacts(row.kid, row.alg, "revoked", row.active_from, row.revoked_at)
        if row is active(rows, row.alg):
            state = "active"
        else:
            state = "next" if row.active_from > now else "retired" if until > now else "ended"
        return KeyFacts(row.kid, row.alg, state, row.active_from, None if until == datetime.max else until)

    def published_until(self, rows: Sequence[Any], row: Any) -> datetime:
        """When a key need not be known to clients any more."""
        if row.use != _SIGNATURE or row.revoked_at is not None:
            return datetime.min
        later = [r.active_from for r in rows if r.alg == row.alg and r.use == row.use and r.generation > row.generation]
        grace = timedelta(seconds=self.lifetime + STALENESS)
        return min(later) + grace if later else datetime.max

    # --- making and ending them ----------------------------------------------------------------------

    def rotate(self, alg: str, *, at_once: bool = False) -> None:
        """The next generation, uncommitted; an announced one is used at once where that is wanted.

        :param at_once: sign with it from now on, instead of after the time in which clients learn of it.
        :raises OAuth2ServerError: if the next one is there already, or the keys come from the configuration.
        """
        self._refuse_configured()
        rows, now = self._storage.signing_keys.all_keys(), clock.now()
        waiting = [row for row in _of(rows, alg) if row.active_from > now]
        if waiting and not at_once:
            raise OAuth2ServerError(f"The next key for {alg} waits already, until {waiting[0].active_from} UTC.")
        for row in waiting:
            self._storage.signing_keys.revoke(row.kid, now)
        self._make(rows, alg, now if at_once or active(rows, alg) is None else now + self._ahead)
        self._forget()

    def revoke(self, kid: str) -> None:
        """Trust a key no more, uncommitted; where it has signed until now, another one is made.

        :raises OAuth2ServerError: if there is no such key.
        """
        self._refuse_configured()
        rows, now = self._storage.signing_keys.all_keys(), clock.now()
        row = next((row for row in rows if row.kid == kid and row.use == _SIGNATURE), None)
        if row is None or not self._storage.signing_keys.revoke(kid, now):
            raise OAuth2ServerError(f"There is no key {kid!r} that is not revoked.")
        if active(rows, row.alg) is row:
            self._make(rows, row.alg, now)
        self._forget()

    def purge(self, limit: int) -> int:
        """Remove at most *limit* keys that nothing is verified with any more."""
        rows, now = self._storage.signing_keys.all_keys(), clock.now()
        ended = [row.id for row in rows if row.use == _SIGNATURE and self._kept_until(rows, row) < now][:limit]
        return self._storage.signing_keys.remove(ended) if ended else 0

    def _kept_until(self, rows: Sequence[Any], row: Any) -> datetime:
        if row.revoked_at is not None:
            return row.revoked_at + _KEPT  # type: ignore[no-any-return]
        until = self.published_until(rows, row)
        return until if until == datetime.max else until + _KEPT

    def _refuse_configured(self) -> None:
        if self._configured is not None:
            raise OAuth2ServerError("The keys come from OAUTH2_SIGNING_KEYS: change them there.")

    def _due(self, rows: Sequence[Any], alg: str) -> datetime | None:
        """From when on a key is to be used that is to be made now, or None."""
        now, current = clock.now(), active(rows, alg)
        if current is None:
            return now
        waiting = any(row.active_from > now for row in _of(rows, alg))
        old = self._rotate_after and now >= current.active_from + self._rotate_after - self._ahead
        return now + self._ahead if old and not waiting else None

    def _make_due(self, alg: str) -> None:
        rows = self._storage.signing_keys.all_keys()
        moment = self._due(rows, alg)
        if moment is not None:
            self._make(rows, alg, moment)
        row = active(rows, alg)
        if row is not None and self._is_outdated(row):
            self._storage.signing_keys.seal_anew(row.id, row.private, _sealed(self._secret(row)))

    def _make(self, rows: Sequence[Any], alg: str, active_from: datetime) -> None:
        """A new generation; of two workers that make it at once one is told that there was a conflict."""
        key = jose.made(alg)
        public = jose.public(jose.imported(key))
        generation = max((r.generation for r in rows if r.alg == alg and r.use == _SIGNATURE), default=0) + 1
        self._add(_SIGNATURE, alg, generation, key, kid=key["kid"], public=public, active_from=active_from)
        log.info("made signing key %s for %s, in use from %s UTC on", key["kid"], alg, active_from)

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
            raise KeyUnreadable(
                f"The key {row.kid} was encrypted with another SECRET_KEY. Put the former one into "
                f"SECRET_KEY_FALLBACKS, or, if it is lost, run `flask oauth2 key rotate --now --alg {row.alg}`."
            )
        try:
            return jose.opened(row.private, secret)
        except jose.Invalid as error:
            raise KeyUnreadable(f"The row of the key {row.kid} is damaged: {error}.") from error

    def _is_outdated(self, row: Any) -> bool:
        """Whether a row was encrypted with a former ``SECRET_KEY``, so that it can be with the one of today."""
        name = jose.sealed_with(row.private)
        return name != _secrets()[0][0] and name in dict(_secrets())


def _secrets() -> list[tuple[str, bytes]]:
    """Names and keys; the first one encrypts."""
    return [derived(secret, _PURPOSE) for secret in app_secrets()]


def _sealed(secret: Mapping[str, Any]) -> str:
    name, key = _secrets()[0]
    return jose.sealed(secret, key, name)


def active(rows: Sequence[Any], alg: str) -> Any:
    """The row of the key that signs for *alg* now, or None."""
    now = clock.now()
    return next((row for row in reversed(_of(rows, alg)) if row.active_from <= now), None)


def _is_whole(row: Any) -> bool:
    """Whether the public half is there; one damaged row does not take the others along."""
    return isinstance(row.public, dict) and (row.public.get("kid"), row.public.get("alg")) == (row.kid, row.alg)


def _of(rows: Sequence[Any], alg: str) -> list[Any]:
    return [row for row in rows if row.use == _SIGNATURE and row.alg == alg and row.revoked_at is None]


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
