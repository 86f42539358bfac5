"""Scopes and their registry (RFC 6749, 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .errors import ConfigurationError, ScopeDoesNotExists

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")


class Scope:
    """One thing that a token may allow.

    :param id_: the scope token, printable ASCII without space, ``"`` and ``\\`` (RFC 6749, 3.3).
    :param help_text: a sentence that completes "It will be able to", for the consent page.
    :param group: heading under which it is shown.
    :param internal: not offered to anyone; a client gets it only if it is named at registration.
    :param default: granted when a client asks for no scope at all.
    :param optional: a person may leave it unticked on the consent page.
    :param powerful: marked on the consent page as far-reaching.
    :param claims: what it tells of a person, of what the hook ``user_claims`` knows; ``profile``, ``email``,
        ``address`` and ``phone`` have theirs already.
    :raises ConfigurationError: if *id_* is no scope token.
    """

    def __init__(
        self,
        id_: str,
        help_text: str = "",
        group: str = "",
        internal: bool = False,
        *,
        default: bool = False,
        optional: bool = False,
        powerful: bool = False,
        claims: Sequence[str] = (),
    ) -> None:
        if not isinstance(id_, str) or not _SCOPE_TOKEN.fullmatch(id_):
            raise ConfigurationError(f'{id_!r} is not a scope: use printable ASCII without space, " and \\.')
        self.id = id_
        self.help_text = help_text
        self.group = group
        self.is_internal = internal
        self.default = default
        self.optional = optional
        self.powerful = powerful
        self.claims = tuple(claims)

    def __repr__(self) -> str:
        return f"<Scope {self.id}>"


class ScopeRegistry:
    """The scopes of one extension, or of one app on top of its extension's.

    :param parent: registry that is asked for what is not registered here.
    """

    def __init__(self, parent: ScopeRegistry | None = None) -> None:
        self._parent = parent
        self._scopes: dict[str, Scope] = {}

    def register(self, scope: Scope) -> Scope:
        """Add *scope*; one of the same id is replaced.

        :raises ConfigurationError: if it is no :class:`Scope`.
        """
        if not isinstance(scope, Scope):
            raise ConfigurationError(f"register() takes a Scope, not {scope!r}.")
        self._scopes[scope.id] = scope
        return scope

    def get(self, id_: str) -> Scope | None:
        """The scope named *id_*, or None."""
        return self._scopes.get(id_) or (self._parent.get(id_) if self._parent else None)

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.get(id_) is not None

    def __iter__(self) -> Iterator[Scope]:
        inherited = [scope for scope in self._parent or () if scope.id not in self._scopes]
        return iter([*inherited, *self._scopes.values()])

    def choices(self, exclude_internal: bool = True) -> list[tuple[str, Scope]]:
        """Pairs of id and scope, in order of registration, for forms."""
        return [(scope.id, scope) for scope in self if not (exclude_internal and scope.is_internal)]

    def defaults(self, among: Iterable[str]) -> list[str]:
        """Those of *among* that are granted when none is asked for."""
        return [id_ for id_ in among if (scope := self.get(id_)) and scope.default]

    def is_optional(self, id_: str) -> bool:
        """Whether a person may leave *id_* unticked."""
        scope = self.get(id_)
        return bool(scope and scope.optional)

    def validated(self, scopes: Iterable[str]) -> list[str]:
        """*scopes* in their order, each once.

        :raises ScopeDoesNotExists: for one that is not registered.
        """
        result = list(dict.fromkeys(scopes))
        for id_ in result:
            if id_ not in self:
                raise ScopeDoesNotExists(id_)
        return result
