"""The Python API: what a host may do with clients, tokens, authorizations and users.

Everything works on the current app, and commits unless ``commit=False``. Signals are sent when the
work is done, also where the commit is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flask import current_app, has_app_context

from . import clock, signals
from .errors import ConfigurationError, Gone, InvalidClientMetadata
from .models.factory import Models
from .signals import tell
from .state import ServerState

EXTENSION_NAME = "oauth2server"


class Verbs:
    """The part of :class:`~flask_oauth2server.OAuth2Server` that acts."""

    _models: Models | None = None

    @property
    def _server(self) -> ServerState:
        server: ServerState = current_app.extensions[EXTENSION_NAME]
        return server

    @property
    def models(self) -> Models:
        """The model classes of the current app's db: ``Client``, ``ClientSecret``, ``Authorization``,
        ``Grant``, ``Token``, ``Consent``, ``Replay``.

        :raises ConfigurationError: if no db is known yet.
        """
        state = current_app.extensions.get(EXTENSION_NAME) if has_app_context() else None
        models = self._models if state is None else state.storage.clients.models
        if models is None:
            raise ConfigurationError("There are no models before a db is known: initialise OAuth2Server on an app.")
        return models

    # --- clients --------------------------------------------------------------------------------

    def create_client(
        self,
        *,
        name: str,
        redirect_uris: Iterable[str] = (),
        scopes: Iterable[str] | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        owner: Any = None,
        commit: bool = True,
        **metadata: Any,
    ) -> tuple[Any, str | None]:
        """Register a client.

        :param name: how people see it.
        :param redirect_uris: where answers may go.
        :param scopes: the most it may ask for; None: all registered scopes that are not internal.
        :param client_id: its public identifier; default: a generated one.
        :param client_secret: a secret that is brought along; default: a generated one.
        :param owner: the user who may manage it.
        :param commit: False leaves the transaction open.
        :param metadata: RFC 7591 names (``token_endpoint_auth_method``, ``grant_types``,
            ``response_types``, ``application_type``, ...) and ours: ``require_pkce``,
            ``may_introspect``, ``first_party``, ``verified``, ``access_token_expires_in`` and
            ``refresh_token_expires_in`` (seconds), ``refresh_rotation`` (``always`` or ``never``),
            ``description``, and columns of a ``Client`` of your own.
        :returns: the client and its secret, which cannot be shown again; None for a public client.
        :raises InvalidClientMetadata: naming the field and the remedy.
        """
        server = self._server
        owner_key = None if owner is None else server.subjects.key_of(owner)
        uris = _listed("redirect_uris", redirect_uris)
        allowed = None if scopes is None else _listed("scopes", scopes)

        def work() -> tuple[Any, str | None]:
            return server.clients.create(
                name=name,
                redirect_uris=uris,
                scopes=allowed,
                client_id=client_id,
                client_secret=client_secret,
                owner_key=owner_key,
                **{"verified": True, **metadata},
            )

        try:
            client, secret = server.storage.unit.run(work, commit)
        except Gone as error:
            raise InvalidClientMetadata("client_id", "was taken meanwhile, or the owner was removed.") from error
        tell(signals.client_created, client=client)
        return client, secret

    def get_client(self, client_id: str) -> Any:
        """The client with this public identifier, or None."""
        return self._server.storage.clients.get(client_id)

    def list_clients(self, *, owner: Any = None, after: int = 0, limit: int = 100) -> list[Any]:
        """At most *limit* clients in order of their keys.

        :param owner: only those of this user.
        :param after: the ``id`` of the last one of the page before.
        """
        server = self._server
        owner_key = None if owner is None else server.subjects.key_of(owner)
        return server.storage.clients.page(after, limit, owner_key)

    def edit_client(self, client: Any, *, commit: bool = True, **changes: Any) -> list[str]:
        """Change a client.

        :param changes: ``name``, ``redirect_uris``, ``scopes`` and what *metadata* of
            :meth:`create_client` may be.
        :returns: the names of what changed.
        :raises InvalidClientMetadata: naming the field and the remedy.
        """
        if "scopes" in changes:
            changes["scope"] = " ".join(_listed("scopes", changes.pop("scopes")))
        if "redirect_uris" in changes:
            changes["redirect_uris"] = _listed("redirect_uris", changes["redirect_uris"])
        server = self._server
        changed = server.storage.unit.run(lambda: server.clients.edit(client, **changes), commit)
        tell(signals.client_updated, client=client, changed=changed)
        return changed

    def rotate_secret(
        self, client: Any, *, client_secret: str | None = None, old_expire_in: int | None = None, commit: bool = True
    ) -> str:
        """Give a client a further secret; the present ones go on working beside it.

        :param client_secret: a secret that is brought along; default: a generated one.
        :param old_expire_in: end the present ones after so many seconds; default: they stay until
            :meth:`revoke_secret`.
        :returns: the value, which cannot be shown again.
        :raises InvalidClientMetadata: for a public client, or beyond five secrets.
        """
        server = self._server
        value = server.storage.unit.run(
            lambda: server.clients.rotate_secret(client, client_secret, old_expire_in), commit
        )
        tell(signals.secret_created, client=client, hint=self.list_secrets(client)[-1].hint)
        return value

    def list_secrets(self, client: Any) -> list[Any]:
        """The live secrets of a client, oldest first: ``hint``, ``created_at``, ``last_used_at``."""
        return self._server.storage.clients.live_secrets(client)

    def revoke_secret(self, client: Any, hint: str, *, commit: bool = True) -> int:
        """Revoke the secrets that end in *hint*, at once; returns how many there were."""
        server = self._server
        count = server.storage.unit.run(lambda: server.clients.revoke_secret(client, hint), commit)
        if count:
            tell(signals.secret_revoked, client=client, hint=hint)
        return count

    def disable_client(self, client: Any, *, commit: bool = True) -> None:
        """Stop a client and all its tokens, at once, until :meth:`enable_client`."""
        self._set_disabled(client, True, commit)

    def enable_client(self, client: Any, *, commit: bool = True) -> None:
        """Let a disabled client go on."""
        self._set_disabled(client, False, commit)

    def _set_disabled(self, client: Any, disabled: bool, commit: bool) -> None:
        server = self._server
        server.storage.unit.run(lambda: server.clients.set_disabled(client, disabled), commit)
        tell(signals.client_disabled, client=client, disabled=disabled)

    def delete_client(self, client: Any, *, commit: bool = True) -> None:
        """Remove a client with its secrets, authorizations, consents and tokens."""
        server, client_id = self._server, client.client_id
        server.storage.unit.run(lambda: server.storage.clients.delete(client), commit)
        tell(signals.client_deleted, client_id=client_id)

    # --- personal tokens ------------------------------------------------------------------------

    def create_personal_token(
        self, user: Any, *, name: str, scopes: Sequence[str], expires_in: int | None = None, commit: bool = True
    ) -> str:
        """A token by which a user's own programs act as that user.

        :param name: by which the user recognises it.
        :param scopes: what it may do.
        :param expires_in: seconds; default ``OAUTH2_PERSONAL_TOKEN_EXPIRES_IN``.
        :returns: the value, which cannot be shown again.
        :raises OAuth2ServerError: if it has no name, or lives too long.
        :raises ScopeDoesNotExists: for a scope that is not registered.
        """
        server = self._server
        key = server.subjects.key_of(user)
        _, value = server.storage.unit.run(
            lambda: server.authorizations.create_personal_token(key, name=name, scopes=scopes, expires_in=expires_in),
            commit,
        )
        tell(signals.personal_token_created, user_id=key, name=name.strip(), scopes=list(scopes))
        return value

    def list_personal_tokens(self, user: Any = None, *, after: int = 0, limit: int = 100) -> list[Any]:
        """Personal tokens that are not revoked, of one user or all, in order of their keys."""
        server = self._server
        key = None if user is None else server.subjects.key_of(user)
        return server.storage.tokens.personal(key, after, limit)

    def revoke_personal_token(self, token: Any, *, commit: bool = True) -> bool:
        """End a personal token at once; False if it had ended already.

        :param token: a row of :meth:`list_personal_tokens`.
        """
        server = self._server
        pk, told = token.id, {"client_id": None, "user_id": token.user_id, "name": token.name}
        ended = server.storage.unit.run(lambda: server.storage.tokens.revoke(pk), commit)
        if ended:
            tell(signals.token_revoked, **told)
        return ended

    # --- authorizations -------------------------------------------------------------------------

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
        server = self._server
        found = server.storage.authorizations.by_public_id(public_id)
        if found is None:
            return False
        client = server.storage.clients.by_pk(found.client_pk)
        return self._revoke(found.id, found.public_id, found.user_id, client.client_id, reason, commit)

    def revoke_application(self, user: Any, client: Any, *, reason: str = "revoked", commit: bool = True) -> int:
        """End all authorizations of *user* for *client* and forget the consent; returns how many."""
        server = self._server
        key, pk = server.subjects.key_of(user), client.id
        # The consent first: whoever is being let in by it at this moment is done, and seen, after that.
        server.storage.unit.run(lambda: server.storage.consents.forget(key, pk), commit)
        return self._revoke_live(reason, commit, user=key, client_pk=pk)

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

    def _revoke_live(self, reason: str, commit: bool, **whose: Any) -> int:
        count = after = 0
        while page := self._server.storage.authorizations.live(**whose, after=after):
            # Told apart before the first commit expires them all.
            facts = [(row.id, row.public_id, row.user_id, client_id) for row, client_id in page]
            after = facts[-1][0]
            count += sum(self._revoke(*fact, reason, commit) for fact in facts)
        return count

    def _revoke(self, pk: int, public_id: str, user_key: Any, client_id: str, reason: str, commit: bool) -> bool:
        storage = self._server.storage
        ended = storage.unit.run(lambda: storage.authorizations.revoke(pk, reason), commit)
        if ended:
            told = {"client_id": client_id, "user_id": user_key, "reason": reason}
            tell(signals.authorization_revoked, authorization=public_id, **told)
        return ended

    # --- users ----------------------------------------------------------------------------------

    def forget_user(self, user: Any, *, commit: bool = True) -> None:
        """Remove a user's authorizations, tokens and consents, and take them off clients they own.

        Done by itself when the session deletes a user of ``user_model``; call it where there is none,
        or where users are deleted in bulk.
        """
        server = self._server
        key = server.subjects.key_of(user)
        server.storage.unit.run(lambda: server.storage.users.forget(key), commit)
        tell(signals.user_forgotten, user_id=key)

    def export_user(self, user: Any) -> dict[str, Any]:
        """What is stored about a user, as JSON values; times in seconds since the epoch.

        :returns: lists of ``authorizations`` (ended ones, too), ``consents``, ``personal_tokens``
            and ``clients`` that they own.
        """
        server = self._server
        exported = server.storage.users.export(server.subjects.key_of(user))
        return {
            what: [{name: clock.epoch(v) if isinstance(v, datetime) else v for name, v in row.items()} for row in rows]
            for what, rows in exported.items()
        }

    # --- the database ---------------------------------------------------------------------------

    def init_db(self) -> list[str]:
        """Make missing tables, add missing columns; returns what was done, as sentences."""
        return self._server.storage.schema.create()

    def purge(self) -> int:
        """Remove everything that has ended long enough ago; returns the number of rows."""
        return self._server.purger.everything()


def _listed(name: str, values: Iterable[str]) -> list[str]:
    """*values* as a list; a lone string would be taken apart into letters."""
    if isinstance(values, str):
        raise InvalidClientMetadata(name, "takes a list of strings.")
    return list(values)
