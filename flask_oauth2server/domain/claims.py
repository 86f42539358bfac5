"""What the host knows of a person, and which of it a client is told (OpenID Connect Core, 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..scopes import Scope, ScopeRegistry
from ..text import Sentence
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
    "profile": Sentence("See your name and public profile"),
    "email": Sentence("See your e-mail address"),
    "address": Sentence("See your postal address"),
    "phone": Sentence("See your phone number"),
}
#: What the protocol says of a token and an authentication; no host may.
_TIMES = ("exp", "iat", "nbf", "auth_time")
_RESERVED = {"iss", "sub", "aud", "azp", "jti", *_TIMES, "nonce", "sid", "acr", "amr", "at_hash", "c_hash", "events"}


class Wanted(NamedTuple):
    """What the parameter ``claims`` asks for, of what is told here at all (OpenID Connect Core, 5.5).

    :ivar userinfo: names for userinfo.
    :ivar id_token: names for the ID token.
    :ivar extra: those that no scope of the request asks for.
    """

    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


#: Who wants nothing in particular.
NOTHING = Wanted()


def parsed(text: str) -> dict[str, dict[str, Any]]:
    """The parameter ``claims``: of ``userinfo`` and ``id_token``, each claim with what is demanded of it.

    :raises ValueError: if it is malformed.
    """
    try:
        asked = json.loads(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(asked, dict):
        raise ValueError("no object")
    result: dict[str, dict[str, Any]] = {}
    for place in ("userinfo", "id_token"):
        members = {} if asked.get(place) is None else asked[place]
        if not isinstance(members, dict) or not all(isinstance(m, dict | None) for m in members.values()):
            raise ValueError(f"{place} is no object of objects")
        result[place] = {name: member or {} for name, member in members.items()}
    return result


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

    def told(self, scopes: Collection[str], extra: Collection[str]) -> list[str]:
        """The names of what a client with these scopes, and *extra* claims beyond them, may be told."""
        hook: ClaimsHook | None = self._hooks.get("user_claims")
        asked = {name for scope in scopes for name in self.of_scope(scope)}.union(extra)
        return [name for name in (hook.names if hook else ()) if name in asked]

    def wanted(self, asked: Mapping[str, Mapping[str, Any]], scopes: Collection[str]) -> Wanted:
        """What of *asked*, see :func:`parsed`, is told here at all."""
        hook: ClaimsHook | None = self._hooks.get("user_claims")
        known = hook.names if hook else ()
        userinfo, id_token = (tuple(name for name in known if name in asked[place]) for place in Wanted._fields[:2])
        by_scopes = {name for scope in scopes for name in self.of_scope(scope)}
        extra = tuple(name for name in known if name in {*userinfo, *id_token} - by_scopes)
        return Wanted(userinfo, id_token, extra)

    def in_userinfo(self, user_key: Any, scopes: Collection[str], wanted: Wanted) -> dict[str, Any]:
        """What userinfo tells a client of a user."""
        extra = set(wanted.userinfo).intersection(wanted.extra)
        return self._told(user_key, {name for scope in scopes for name in self.of_scope(scope)} | extra)

    def in_id_token(
        self, user_key: Any, scopes: Collection[str], wanted: Wanted, alone: bool = False
    ) -> dict[str, Any]:
        """What the ID token tells beside the authentication.

        :param alone: there will be no access token to ask userinfo with (5.4).
        """
        by_scopes = {name for scope in scopes for name in self.of_scope(scope)}
        asked = set(wanted.id_token).intersection(by_scopes.union(wanted.extra))
        return self._told(user_key, asked | by_scopes if alone else asked)

    def _told(self, user_key: Any, asked: set[str]) -> dict[str, Any]:
        hook: ClaimsHook | None = self._hooks.get("user_claims")
        if hook is None or asked.isdisjoint(hook.names):
            return {}
        return {name: value for name, value in hook(self._subjects.load(user_key)).items() if name in asked}
