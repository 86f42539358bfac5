"""What the wire calls a person: the same for all clients, or for each sector another (OpenID Connect Core, 8)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..storage.clients import ClientInfo
from ..text import Sentence
from .keys import Keys
from .subjects import Subjects

#: Client metadata: ``public`` or ``pairwise``.
TYPE = "subject_type"


def check_type(value: Any, metadata: Mapping[str, Any]) -> None:
    """``pairwise`` needs one host that all redirect URIs share."""
    if value not in ("public", "pairwise"):
        raise ValueError(Sentence('must be "public" or "pairwise".'))
    if value == "pairwise" and len(_hosts(metadata)) != 1:
        raise ValueError(Sentence("needs redirect URIs that all have the same host."))


def is_pairwise(client: ClientInfo) -> bool:
    """Whether *client* is told of people by names that no other sector knows."""
    return client.metadata.get(TYPE) == "pairwise"


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
        sector = min(_hosts(client.metadata))
        digest = hmac.digest(self._keys.salt(), f"{sector}\n{sub}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
