"""The Python API: what a host may do with clients, tokens, authorizations and users.

Everything works on the current app, and commits unless ``commit=False``. Signals are sent when the
work is done, also where the commit is left to the caller.
"""

from __future__ import annotations

from .access import AccessVerbs
from .audit import AuditVerbs
from .base import EXTENSION_NAME as EXTENSION_NAME
from .clients import ClientVerbs
from .offers import OfferVerbs
from .sign_in import SignInVerbs
from .users import UserVerbs


class Verbs(ClientVerbs, OfferVerbs, AccessVerbs, UserVerbs, SignInVerbs, AuditVerbs):
    """The part of :class:`~flask_oauth2server.OAuth2Server` that acts."""
