"""End tokens of any kind, and everything that a user has allowed or a client holds."""

from __future__ import annotations

from typing import Any

from .. import signals
from ..domain import audit
from ..signals import tell
from ..storage.access import Whose
from .authorizations import AuthorizationVerbs
from .personal_tokens import PersonalTokenVerbs


class AccessVerbs(AuthorizationVerbs, PersonalTokenVerbs):
    """What may be done with all that gives access."""

    def revoke_token(self, token: Any, *, reason: str = "revoked", commit: bool = True) -> bool:
        """End a token at once; one that hangs on an authorization takes the whole of it with it.

        :param token: a row of the model ``Token``.
        :param reason: at most 64 characters, kept in the audit.
        :returns: False if it had ended already.
        """
        if token.authorization_id is not None:
            return self._revoke([token.authorization_id], reason, commit) == 1
        if token.name is not None:
            return self.revoke_personal_token(token, reason=reason, commit=commit)
        return self._revoke_own(token.id, token.client_pk, reason, commit)

    def revoke_access(
        self, *, user: Any = None, client: Any = None, reason: str = "revoked", commit: bool = True
    ) -> int:
        """End all that a user has, that a client has, or, with both, that this client has of this user:
        authorizations, personal tokens, a client's own tokens; consents are forgotten, so that people are
        asked again.

        :returns: how many authorizations, personal tokens and clients' own tokens ended.
        :raises ValueError: if neither is named.
        """
        if user is None and client is None:
            raise ValueError("Name a user or a client.")
        server, storage = self._server, self._server.storage
        key = None if user is None else server.subjects.key_of(user)
        pk = None if client is None else client.id
        whose = Whose(key, pk)

        def forget() -> None:
            if storage.access.forget_consents(whose):
                server.authorizations.note_forgotten(key, client)

        # The consents first: whoever is being let in by one at this moment is done, and seen, after that.
        storage.unit.run(forget, commit)
        count = self._revoke_live(reason, commit, user=key, client_pk=pk)
        after = 0
        while page := storage.access.alone_keys(whose, after=after):
            after = page[-1]
            for row in storage.access.some_tokens(page):
                count += self.revoke_token(row, reason=reason, commit=commit)
        return count

    def _revoke_own(self, pk: int, client_pk: int, reason: str, commit: bool) -> bool:
        """End a token that a client was given in its own name."""
        server = self._server
        client = server.storage.clients.by_pk(client_pk)
        client_id, name = (None, None) if client is None else (client.client_id, client.name)

        def work() -> bool:
            if not server.storage.tokens.revoke(pk):
                return False
            facts = {"client_id": client_id, "client_name": name, "reason": reason[:64]}
            server.audit.note(audit.TOKEN_ENDED, None, token_id=pk, **facts)
            return True

        ended: bool = server.storage.unit.run(work, commit)
        if ended:
            tell(signals.token_revoked, client_id=client_id, user_id=None, name=None)
        return ended
