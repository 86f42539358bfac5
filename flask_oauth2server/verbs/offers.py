"""Offer a client to another owner, and take one over."""

from __future__ import annotations

from typing import Any

from .. import clock, signals
from ..domain.clients import OFFER
from ..signals import tell
from .base import Base


class OfferVerbs(Base):
    """What may be done with offers of clients."""

    def offer_client(self, client: Any, *, commit: bool = True) -> str:
        """Offer a client to another owner: whoever presents the value that is returned, once, within
        ``OAUTH2_OFFER_EXPIRES_IN`` seconds, may take it over. Earlier offers are withdrawn."""
        server = self._server

        def work() -> str:
            server.storage.clients.hold(client)
            server.storage.grants.withdraw(OFFER, client.id)
            server.clients.note_offer(client, True)
            return server.handles.make(OFFER, client.id, {"owner": str(client.user_id)})

        return server.storage.unit.run(work, commit)

    def withdraw_offer(self, client: Any, *, commit: bool = True) -> bool:
        """Withdraw the offer of a client; False if there was none."""
        server = self._server

        def work() -> bool:
            withdrawn = server.storage.grants.withdraw(OFFER, client.id) > 0
            if withdrawn:
                server.clients.note_offer(client, False)
            return withdrawn

        return server.storage.unit.run(work, commit)

    def find_offer(self, value: str) -> Any:
        """The client that *value* offers, or None if the offer is used, withdrawn or too old."""
        return self._offered(value)[1]

    def accept_offer(self, value: str, user: Any, *, commit: bool = True) -> Any:
        """Make *user* the owner of the client that *value* offers; it is not verified any more.

        :returns: the client; None if the offer is used, withdrawn or too old.
        """
        server = self._server
        key = server.subjects.key_of(user)

        def work() -> Any:
            handle, client = self._offered(value)
            if client is None or not server.storage.grants.consume(handle.id):
                return None
            server.storage.clients.hold(client)
            if str(client.user_id) != handle.payload["owner"]:
                return None  # somebody else has become the owner meanwhile
            server.clients.hand_over(client, key)
            return client

        client = server.storage.unit.run(work, commit)
        if client is not None:
            tell(signals.client_updated, client=client, changed=["owner", "verified"])
        return client

    def _offered(self, value: str) -> tuple[Any, Any]:
        server = self._server
        handle = server.handles.peek(OFFER, value)
        if handle is None or handle.consumed_at is not None or handle.expires_at <= clock.now():
            return None, None
        client = server.storage.clients.by_pk(handle.client_pk)
        by_owner = client is not None and str(client.user_id) == handle.payload["owner"]
        return handle, client if by_owner else None
