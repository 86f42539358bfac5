"""Classes of authentication: which there are, and which is good enough (OpenID Connect Core, 2; RFC 9470)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ConfigurationError
from . import sessions
from .sessions import Authentication


class AcrValues:
    """The classes of one app.

    :param values: their names, the weakest first.
    :param hooks: ``authentication_context`` is asked here.
    """

    def __init__(self, values: Sequence[str], hooks: Mapping[str, Callable[..., Any]]) -> None:
        self._values = list(values)
        self._hooks = hooks

    def knows(self, value: str) -> bool:
        """Whether there is such a class."""
        return value in self._values

    def satisfies(self, has: str | None, wanted: str) -> bool:
        """Whether *has* is *wanted*, or stronger."""
        if has not in self._values or wanted not in self._values:
            return has == wanted
        return self._values.index(has) >= self._values.index(wanted)

    def authentication(self, person: Any) -> Authentication:
        """How the person at the browser has signed in, as tokens will say it.

        :raises ConfigurationError: if the host's hook says what cannot be understood.
        """
        how, hook = sessions.authentication(), self._hooks.get("authentication_context")
        said = None if hook is None else hook(person)
        if said is None:
            return how
        if not isinstance(said, tuple) or len(said) != 2 or not (said[0] is None or self.knows(said[0])):
            raise ConfigurationError(
                "The hook authentication_context returns None or a pair: one of OAUTH2_ACR_VALUES, a list of methods."
            )
        acr, amr = said
        return how._replace(acr=acr, amr=None if amr is None else [str(method) for method in amr])
