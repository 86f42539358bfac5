"""What stands for an entry of the audit under a seal, and the keys that prove who wrote it.

What is personal comes in as a digest with a salt. Erasing a person takes values and salt away; the digest
stays, tells nothing without the salt, and no fingerprint breaks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ..errors import ConfigurationError
from . import tokens
from .derived import app_secrets, derived

#: What is personal: of whom an entry concerns, and of who did it. Each group is erased as a whole.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "user": ("user_id", "client_name", "name", "changes"),
    "actor": ("actor", "address", "device"),
}
#: What is nobody's secret and stays.
_PLAIN = ("id", "created_at", "kind", "client_id", "authorization", "token_id", "scope", "reason", "actor_kind")
#: What an HMAC is made for: none passes for another one.
ENTRY, SEAL, REMOVED, REMOVED_BROKEN = "entry 1", "seal 1", "removed 1", "removed broken 1"
_SHORTEST_KEY = 16
_PURPOSE = "audit"


def salted(values: Mapping[str, Any]) -> dict[str, str | None]:
    """Salts and digests for a new entry.

    The name of an application that nobody owns is nobody's: without a user that group stays in the open.
    """
    result: dict[str, str | None] = {}
    for group, names in GROUPS.items():
        telling = ("user_id",) if group == "user" else names
        salt = tokens.random_text(22) if any(values.get(name) is not None for name in telling) else None
        result[f"{group}_salt"] = salt
        result[f"{group}_digest"] = None if salt is None else group_digest(salt, values, group)
    return result


def group_digest(salt: str, values: Mapping[str, Any], group: str) -> str:
    """What stands for the values of a group."""
    return hashlib.sha256(canonical([salt, *(_plain(values.get(name)) for name in GROUPS[group])])).hexdigest()


def line(entry: Mapping[str, Any]) -> bytes:
    """The canonical text of an entry: all that may never change. A column that is empty is left out, so that
    one which is added later changes no line."""
    kept = {name: entry.get(name) for name in _PLAIN}
    for group, names in GROUPS.items():
        kept[f"{group}_digest"] = entry.get(f"{group}_digest")
        if group == "user" and entry.get("user_digest") is None:
            kept.update({name: entry.get(name) for name in names})
    return canonical({name: _plain(value) for name, value in kept.items() if value is not None})


def is_true(entry: Mapping[str, Any]) -> bool:
    """Whether what is personal in an entry is what it was, or was erased."""
    return all(_is_group_true(entry, group) for group in GROUPS)


def is_erased(entry: Mapping[str, Any]) -> bool:
    """Whether something personal was taken out of an entry."""
    erased = any(entry[f"{group}_digest"] and not entry[f"{group}_salt"] for group in GROUPS)
    return erased or _is_orphan(entry)


def _is_group_true(entry: Mapping[str, Any], group: str) -> bool:
    salt, digest = entry[f"{group}_salt"], entry[f"{group}_digest"]
    if salt is None:
        # Erased, or never there. A name that nobody owns is a part of the line.
        left = ("user_id",) if group == "user" and digest is None else GROUPS[group]
        return all(entry[name] is None for name in left)
    if group == "user" and _is_orphan(entry):
        return True
    return bool(digest == group_digest(salt, entry, group))


def _is_orphan(entry: Mapping[str, Any]) -> bool:
    """A foreign key has taken the user away; the next clean-up takes the rest."""
    return entry["user_id"] is None and entry["user_salt"] is not None and entry["user_digest"] is not None


def canonical(value: Any) -> bytes:
    """*value* as the one JSON text that there is for it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, dict | int | str | None) else str(value)


class Keyring:
    """The keys of the audit: the first one signs, all verify.

    :param settings: ``OAUTH2_AUDIT_KEY`` and ``OAUTH2_AUDIT_KEY_FALLBACKS`` are read; then the app's
        ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``.
    :raises ConfigurationError: if ``OAUTH2_AUDIT_KEY`` can be guessed.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        own = settings["OAUTH2_AUDIT_KEY"]
        if own is not None and len(own) < _SHORTEST_KEY:
            raise ConfigurationError(f"OAUTH2_AUDIT_KEY must be a random text of {_SHORTEST_KEY} characters or more.")
        self._own = [*([] if own is None else [own]), *settings["OAUTH2_AUDIT_KEY_FALLBACKS"]]
        self._signs_itself = own is not None

    def _secrets(self) -> Iterator[Any]:
        theirs = list(app_secrets())
        return iter([*self._own, *theirs] if self._signs_itself else [theirs[0], *self._own, *theirs[1:]])

    def sign(self, purpose: str, message: bytes) -> str:
        """The name of the key, a colon, and an HMAC-SHA256."""
        key_id, key = derived(next(self._secrets()), _PURPOSE)
        return f"{key_id}:{_mac(key, purpose, message)}"

    def check(self, purpose: str, message: bytes, signature: str) -> bool | None:
        """Whether *signature* is one of *message*; None: under a key that is not known."""
        key_id, _, mac = signature.partition(":")
        key = dict(derived(secret, _PURPOSE) for secret in self._secrets()).get(key_id)
        return None if key is None else hmac.compare_digest(mac.encode(), _mac(key, purpose, message).encode())


def _mac(key: bytes, purpose: str, message: bytes) -> str:
    return hmac.digest(key, f"{purpose}\n".encode() + message, "sha256").hex()
