"""List and end authorizations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import signals
from ..signals import tell
from .base import Base


class AuthorizationVerbs(Base):
    """What may be done with authorizations."""

    def list_authorizations(
        self, *, user: Any = None, client: Any = None, after: int = 0, limit: int = 100
    ) -> list[tuple[Any, str]]:
        """Live authorizations of a user, a client, or both, each with its client's public id."""
        server = self._server
        key = None if user is None else server.subjects.key_of(user)
        pk = None if client is None else client.id
        return server.storage.authorizations.live(user=key, client_pk=pk, after=after, limit=limit)

    def revoke_authorization(self, public_id: str, *, reason: str = "revoked", commit: bool = True) -> bool:
        """End one authorization with its codes and tokens, at once; the consent stays.

        :param reason: at most 64 characters, kept beside it.
        :returns: False if there is none, or it had ended already.
        """
        pk = self._server.storage.authorizations.key(public_id)
        return pk is not None and self._revoke([pk], reason, commit) == 1

    def revoke_application(self, user: Any, client: Any, *, reason: str = "revoked", commit: bool = True) -> int:
        """End all authorizations of *user* for *client* and forget the consent; returns how many."""
        server = self._server
        key, pk = server.subjects.key_of(user), client.id
        # The consent first: whoever is being let in by it at this moment is done, and seen, after that.
        server.storage.unit.run(lambda: server.authorizations.forget_consent(key, client), commit)
        return self._revoke_live(reason, commit, user=key, client_pk=pk)

    def sign_everybody_out(self, client: Any, *, reason: str = "revoked", commit: bool = True) -> int:
        """End all authorizations of *client* and forget all consents, so that people are asked again;
        returns how many there were."""
        server, pk = self._server, client.id
        server.storage.unit.run(lambda: server.authorizations.forget_consents(client), commit)
        return self._revoke_live(reason, commit, client_pk=pk)

    def revoke_authorizations(
        self, *, user: Any = None, client: Any = None, reason: str = "revoked", commit: bool = True
    ) -> int:
        """End all authorizations of a user, or of a client; returns how many.

        :raises ValueError: if neither is named.
        """
        if user is None and client is None:
            raise ValueError("Name a user or a client.")
        key = None if user is None else self._server.subjects.key_of(user)
        return self._revoke_live(reason, commit, user=key, client_pk=None if client is None else client.id)

    def end_sessions(self, sids: Sequence[str], *, reason: str = "signed out") -> int:
        """End what clients were given in these sessions and may not use while the person is away
        (``OAUTH2_REVOKE_ON_LOGOUT``); returns how many.

        This is done by itself when Flask-Login signs somebody out.

        :param sids: as ID tokens have them (OpenID Connect Front-Channel Logout, 3).
        """
        if not self._server.settings["OAUTH2_REVOKE_ON_LOGOUT"]:
            return 0
        server = self._server
        # The note first: whoever is being let in at this moment sees it, or is seen here.
        server.storage.unit.run(lambda: server.authorizations.note_ended(sids))
        return self._revoke_live(reason, True, sids=sids)

    def _revoke_live(self, reason: str, commit: bool, **whose: Any) -> int:
        count = after = 0
        while page := self._server.storage.authorizations.live_keys(**whose, after=after):
            after = page[-1]
            count += self._revoke(page, reason, commit)
        return count

    def _revoke(self, keys: Sequence[int], reason: str, commit: bool) -> int:
        server = self._server
        ended = server.storage.unit.run(
            lambda: [facts for pk in keys if (facts := server.authorizations.revoke(pk, reason))], commit
        )
        for facts in ended:
            told = {"client_id": facts.client_id, "user_id": facts.user_id, "reason": reason}
            tell(signals.authorization_revoked, authorization=facts.public_id, **told)
        return len(ended)
