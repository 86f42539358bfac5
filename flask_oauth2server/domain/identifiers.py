"""What the wire calls a person: the same for all clients, or for each sector another (OpenID Connect Core, 8)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..fetch import Unfetchable
from ..storage.clients import ClientInfo
from ..text import Sentence
from .client_documents import ClientDocuments
from .keys import Keys
from .subjects import Subjects

#: Client metadata: ``public`` or ``pairwise``; and where the redirect URIs of a sector of several hosts are listed.
TYPE, SECTOR_URI = "subject_type", "sector_identifier_uri"
#: What stands where a host would, if the redirect URI is of a private-use scheme or of loopback.
_NO_HOSTS = ("", "localhost", "127.0.0.1", "::1")


def check_type(value: Any, metadata: Mapping[str, Any]) -> None:
    """``pairwise`` needs one host that all redirect URIs share, or the address of a list of them."""
    if value not in ("public", "pairwise"):
        raise ValueError(Sentence('must be "public" or "pairwise".'))
    # Programs on people's devices have no host of their own: all of them would be one sector.
    own = {host for host in _hosts(metadata) if host not in _NO_HOSTS}
    if value == "pairwise" and not metadata.get(SECTOR_URI) and (len(own) != 1 or own != _hosts(metadata)):
        raise ValueError(Sentence("needs redirect URIs that all have the same host, or sector_identifier_uri."))


def confirm_sector(documents: ClientDocuments, value: str, metadata: Mapping[str, Any]) -> None:
    """All redirect URIs are listed at the address, so that nobody joins a sector uninvited (Registration, 5)."""
    try:
        listed = documents.ask(value)
    except Unfetchable as error:
        raise ValueError(Sentence("cannot be read: %(why)s.", why=str(error))) from None
    if not isinstance(listed, list):
        raise ValueError(Sentence("must be the address of a JSON array of redirect URIs."))
    missing = [uri for uri in metadata["redirect_uris"] if uri not in listed]
    if missing:
        raise ValueError(Sentence("does not list the redirect URI %(uri)s.", uri=missing[0]))


def is_pairwise(client: ClientInfo) -> bool:
    """Whether *client* is told of people by names that no other sector knows."""
    return client.metadata.get(TYPE) == "pairwise"


def naming(metadata: Mapping[str, Any]) -> str | None:
    """What the names hang on by which a client knows people; None: they are the same for all clients."""
    return _sector(metadata) if metadata.get(TYPE) == "pairwise" else None


def _sector(metadata: Mapping[str, Any]) -> str:
    """The host that stands for all that know a person by the same name (OpenID Connect Core, 8.1)."""
    listed = metadata.get(SECTOR_URI)
    return min(_hosts(metadata)) if not listed else urlsplit(listed).hostname or ""


def _hosts(metadata: Mapping[str, Any]) -> set[str]:
    return {urlsplit(uri).hostname or "" for uri in metadata["redirect_uris"]}


class Identifiers:
    """The ``sub`` of people for clients.

    :param subjects: the identifier that all share.
    :param keys: keep the salt.
    """

    def __init__(self, subjects: Subjects, keys: Keys) -> None:
        self._subjects = subjects
        self._keys = keys

    def of(self, client: ClientInfo | None, user_key: Any) -> str:
        """What *client* knows a person by; None: a program of the person's own.

        The salt is the key of an HMAC over sector and identifier, so that two sectors cannot compare what they know.
        """
        sub = self._subjects.sub(user_key)
        if client is None or not is_pairwise(client):
            return sub
        sector = _sector(client.metadata)
        digest = hmac.digest(self._keys.salt(), f"{sector}\n{sub}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
