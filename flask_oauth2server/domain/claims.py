"""What the host knows of a person, and which of it a client is told (OpenID Connect Core, 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..errors import ConfigurationError
from ..scopes import Scope, ScopeRegistry
from .subjects import Subjects

#: Standard claims by the scope that asks for them (5.4).
OF_SCOPES: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}
STANDARD = tuple(name for names in OF_SCOPES.values() for name in names)
#: How those scopes read on the consent page, unless the host has registered its own.
_HELP = {
    "profile": "See your name and public profile",
    "email": "See your e-mail address",
    "address": "See your postal address",
    "phone": "See your phone number",
}
#: What the protocol says of a token and an authentication; no host may.
_TIMES = ("exp", "iat", "nbf", "auth_time")
_RESERVED = {"iss", "sub", "aud", "azp", "jti", *_TIMES, "nonce", "sid", "acr", "amr", "at_hash", "c_hash", "events"}


class ClaimsHook:
    """The host's function, and which claims it may return.

    :param hook: ``hook(user)`` returns a dictionary.
    :param names: of claims.
    :raises ConfigurationError: if a name is the protocol's.
    """

    def __init__(self, hook: Callable[[Any], Mapping[str, Any]], names: Collection[str]) -> None:
        taken = sorted(_RESERVED.intersection(names))
        if taken:
            raise ConfigurationError(f"user_claims cannot tell {', '.join(taken)}: that is what the protocol says.")
        self.hook = hook
        self.names = tuple(dict.fromkeys(names))

    def scopes(self) -> list[Scope]:
        """The standard scopes that have something to tell."""
        return [Scope(id_, _HELP[id_]) for id_, names in OF_SCOPES.items() if not set(names).isdisjoint(self.names)]

    def __call__(self, user: Any) -> dict[str, Any]:
        """What is known of *user*; what is None is not."""
        told = self.hook(user)
        if not isinstance(told, Mapping):
            raise ConfigurationError("The hook user_claims returns a dictionary of claims.")
        known = {name: value for name, value in told.items() if value is not None and name in self.names}
        try:
            json.dumps(known)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"The hook user_claims returned what is no JSON: {error}.") from error
        return known


class UserClaims:
    """The claims of one app's users.

    :param subjects: loads users.
    :param hooks: ``user_claims`` is asked here; a :class:`ClaimsHook`.
    :param scopes: say which claims they ask for.
    """

    def __init__(self, subjects: Subjects, hooks: Mapping[str, Any], scopes: ScopeRegistry) -> None:
        self._subjects = subjects
        self._hooks = hooks
        self._scopes = scopes

    def names(self) -> list[str]:
        """All that may be told, for the server's metadata."""
        hook: ClaimsHook | None = self._hooks.get("user_claims")
        asked = {name for scope in self._scopes for name in self.of_scope(scope.id)}
        return [name for name in (hook.names if hook else ()) if name in asked]

    def of_scope(self, id_: str) -> tuple[str, ...]:
        """The claims that a scope asks for."""
        scope = self._scopes.get(id_)
        return (*OF_SCOPES.get(id_, ()), *(scope.claims if scope else ()))

    def told(self, user_key: Any, scopes: Collection[str], only: Collection[str] | None = None) -> dict[str, Any]:
        """What a client with *scopes* is told of a user.

        :param only: of these claims; None: of all that the scopes ask for.
        """
        hook: ClaimsHook | None = self._hooks.get("user_claims")
        asked = {name for scope in scopes for name in self.of_scope(scope)}
        if only is not None:
            asked.intersection_update(only)
        if hook is None or asked.isdisjoint(hook.names):
            return {}
        return {name: value for name, value in hook(self._subjects.load(user_key)).items() if name in asked}
