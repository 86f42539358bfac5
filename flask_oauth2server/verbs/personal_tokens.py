"""Make, list, change and revoke personal tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import signals
from ..signals import tell
from .base import Base


class PersonalTokenVerbs(Base):
    """What may be done with personal tokens."""

    def create_personal_token(
        self,
        user: Any,
        *,
        name: str,
        scopes: Sequence[str],
        expires_in: int | None = None,
        before: Callable[[], None] | None = None,
        commit: bool = True,
    ) -> str:
        """A token by which a user's own programs act as that user.

        :param name: by which the user recognises it.
        :param scopes: what it may do.
        :param expires_in: seconds; default ``OAUTH2_PERSONAL_TOKEN_EXPIRES_IN``.
        :param before: runs first in the same transaction, and may refuse by an exception.
        :returns: the value, which cannot be shown again.
        :raises OAuth2ServerError: if it has no name, or lives too long.
        :raises ScopeDoesNotExists: for a scope that is not registered.
        """
        server = self._server
        key = server.subjects.key_of(user)

        def work() -> str:
            if before is not None:
                before()
            made = server.authorizations.create_personal_token(key, name=name, scopes=scopes, expires_in=expires_in)
            return made[1]

        value = server.storage.unit.run(work, commit)
        tell(signals.personal_token_created, user_id=key, name=name.strip(), scopes=list(scopes))
        return value

    def edit_personal_token(
        self, token: Any, *, name: str | None = None, scopes: Sequence[str] | None = None, commit: bool = True
    ) -> None:
        """Rename a personal token, or take scopes away from it; it is never given more.

        :param token: a row of :meth:`list_personal_tokens`.
        :raises OAuth2ServerError: for a bad name, or a scope that it does not have.
        """
        server = self._server
        server.storage.unit.run(lambda: server.authorizations.edit_personal_token(token, name, scopes), commit)

    def list_personal_tokens(self, user: Any = None, *, after: int = 0, limit: int = 100) -> list[Any]:
        """Personal tokens that are not revoked, of one user or all, in order of their keys."""
        server = self._server
        key = None if user is None else server.subjects.key_of(user)
        return server.storage.tokens.personal(key, after, limit)

    def revoke_personal_token(self, token: Any, *, reason: str = "revoked", commit: bool = True) -> bool:
        """End a personal token at once; False if it had ended already.

        :param token: a row of :meth:`list_personal_tokens`.
        :param reason: at most 64 characters, kept in the audit.
        """
        server = self._server
        pk, told = token.id, {"client_id": None, "user_id": token.user_id, "name": token.name}
        ended: bool = server.storage.unit.run(
            lambda: server.authorizations.revoke_personal_token(pk, told["user_id"], told["name"], reason), commit
        )
        if ended:
            tell(signals.token_revoked, **told)
        return ended
