"""Register, change, offer, disable and delete clients; rotate their secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from .. import signals
from ..domain.client_search import FoundClients
from ..errors import Gone, InvalidClientMetadata
from ..signals import tell
from .base import Base


class ClientVerbs(Base):
    """What may be done with clients."""

    def create_client(
        self,
        *,
        name: str,
        redirect_uris: Iterable[str] = (),
        scopes: Iterable[str] | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        owner: Any = None,
        logo: bytes | None = None,
        preset: str | None = None,
        before: Callable[[], None] | None = None,
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
        :param logo: a square PNG, JPEG or WebP picture of at most 200 KB; people see it while the
            client is verified.
        :param preset: the kind of application, whose values stand where none is named: ``web``,
            ``spa``, ``native``, ``service`` or ``resource-server``.
        :param before: runs first in the same transaction, and may refuse by an exception.
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
            if before is not None:
                before()
            return server.clients.create(
                name=name,
                redirect_uris=uris,
                scopes=allowed,
                client_id=client_id,
                client_secret=client_secret,
                owner_key=owner_key,
                logo=logo,
                preset=preset,
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

    def search_clients(
        self,
        query: str = "",
        *,
        type: str | None = None,
        check: str | None = None,
        state: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> FoundClients:
        """Clients whose name (from any word on), ``client_id``, redirect host or owner begins with *query*, a
        page of them; without a query all, the newest first. However many there are, it takes about the
        same time.

        :param query: case does not matter; a whole redirect URI stands for its host.
        :param type: ``confidential`` or ``public``.
        :param check: ``checked`` or ``unchecked``.
        :param state: ``enabled`` or ``disabled``.
        :param after: :attr:`~.FoundClients.next` of the page before.
        :param before: :attr:`~.FoundClients.previous` of the page behind.
        :raises ValueError: if a filter has another value.
        """
        return self._server.client_search.find(
            query, after=after, before=before, limit=limit, type=type, check=check, state=state
        )

    def edit_client(
        self, client: Any, *, by_owner: bool = False, seen: str | None = None, commit: bool = True, **changes: Any
    ) -> list[str]:
        """Change a client.

        :param by_owner: its owner does it: a verified client whose name, logo, links or redirect URIs change
            is not verified any more.
        :param seen: refuse where the client is not any more what it was when ``server.clients.fingerprint``
            told this.
        :param changes: ``name``, ``redirect_uris``, ``scopes``, ``logo`` (None takes it away), ``owner`` (None:
            nobody) and what *metadata* of :meth:`create_client` may be.
        :returns: the names of what changed.
        :raises InvalidClientMetadata: naming the field and the remedy.
        :raises Outdated: see *seen*.
        """
        server = self._server
        if "owner" in changes:
            owner = changes.pop("owner")
            changes["owner_key"] = None if owner is None else server.subjects.key_of(owner)
        if "scopes" in changes:
            changes["scope"] = " ".join(_listed("scopes", changes.pop("scopes")))
        if "redirect_uris" in changes:
            changes["redirect_uris"] = _listed("redirect_uris", changes["redirect_uris"])
        edit = partial(server.clients.edit, client, by_owner=by_owner, seen=seen, **changes)
        changed = server.storage.unit.run(edit, commit)
        tell(signals.client_updated, client=client, changed=changed)
        return changed

    def rotate_secret(
        self,
        client: Any,
        *,
        client_secret: str | None = None,
        old_expire_in: int | None = None,
        before: Callable[[], None] | None = None,
        commit: bool = True,
    ) -> str:
        """Give a client a further secret; the present ones go on working beside it.

        :param client_secret: a secret that is brought along; default: a generated one.
        :param old_expire_in: end the present ones after so many seconds; default: they stay until
            :meth:`revoke_secret`.
        :param before: runs first in the same transaction, and may refuse by an exception.
        :returns: the value, which cannot be shown again.
        :raises InvalidClientMetadata: for a public client, or beyond five secrets.
        """
        server = self._server

        def work() -> str:
            if before is not None:
                before()
            return server.clients.rotate_secret(client, client_secret, old_expire_in)

        value = server.storage.unit.run(work, commit)
        tell(signals.secret_created, client=client, hint=self.list_secrets(client)[-1].hint)
        return value

    def list_secrets(self, client: Any) -> list[Any]:
        """The live secrets of a client, oldest first: ``hint``, ``created_at``, ``last_used_at``."""
        return self._server.storage.clients.live_secrets(client)

    def revoke_secret(self, client: Any, hint: str | None = None, *, pk: int | None = None, commit: bool = True) -> int:
        """Revoke the secrets that end in *hint*, or the one whose ``id`` is *pk*, at once; returns how
        many there were."""
        server = self._server
        hints = server.storage.unit.run(lambda: server.clients.revoke_secret(client, hint, pk), commit)
        for revoked in hints:
            tell(signals.secret_revoked, client=client, hint=revoked)
        return len(hints)

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
        server.storage.unit.run(lambda: server.clients.delete(client), commit)
        tell(signals.client_deleted, client_id=client_id)


def _listed(name: str, values: Iterable[str]) -> list[str]:
    """*values* as a list; a lone string would be taken apart into letters."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidClientMetadata(name, "takes a list of strings.")
    return list(values)
