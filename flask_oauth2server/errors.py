"""Every exception of the package.

The public sentence and the private detail are different fields: a client is told little, the log
and the :data:`~flask_oauth2server.signals.request_refused` signal say which check failed.
"""

from __future__ import annotations

import math
from typing import Any

from .reasons import Reason

#: For the log, where somebody should have signed in.
NO_LOGIN = (
    "there is no LoginManager: people cannot sign in. Make one (flask_login.LoginManager) and initialise it "
    "before OAuth2Server"
)


class OAuth2ServerError(Exception):
    """The root of all errors of this package."""


class ConfigurationError(OAuth2ServerError, RuntimeError):
    """The extension was set up in a way that cannot work; the message says what to do."""


class ScopeDoesNotExists(OAuth2ServerError, LookupError):  # noqa: N818 - the ancestor's name
    """A scope was named that is not registered.

    :param scope: the unknown scope, kept as attribute ``scope``.
    """

    def __init__(self, scope: str) -> None:
        super().__init__(f"The scope {scope!r} is not registered.")
        self.scope = scope


class InvalidClientMetadata(OAuth2ServerError, ValueError):  # noqa: N818 - RFC 7591, 3.2.2
    """A client was to be registered with values that are not accepted.

    :param field: the RFC 7591 name of the value, or one of ours.
    :param message: a sentence for the person who registers the client.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class ProtocolError(OAuth2ServerError):
    """What a client is told, as JSON on an API endpoint or in a redirect.

    :param error: the error code of the specification, as ``invalid_grant``.
    :param description: one public sentence; ASCII without ``"`` and ``\\`` (RFC 6749, 5.2).
    :param status: the HTTP status where the error is answered directly.
    :param detail: the private reason, for the log and the ``request_refused`` signal; a
        :class:`~flask_oauth2server.reasons.Reason` says more to administrators.
    :param headers: further headers of a direct answer.
    :ivar client_id: the client that was refused, where it is known.
    :ivar reference: names this refusal on the page and in the log, once it is noted.
    """

    client_id: str | None = None
    reference: str = ""

    def __init__(
        self,
        error: str,
        description: str = "",
        *,
        status: int = 400,
        detail: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{error}: {detail or description}")
        self.error = error
        self.description = description
        self.status = status
        self.detail = detail or description
        if isinstance(detail, Reason) and not detail:
            self.detail = detail.saying(description)
        self.headers = headers or {}


class PageError(ProtocolError):
    """An error that people see and that must never be answered by a redirect.

    :ivar cause: which sentences the page shows: ``redirect_uri``, ``client_unknown``,
        ``client_disabled``, ``damaged``, ``busy``, ...
    :ivar client: the client, if it is known.
    :ivar sent: the redirect URI that was sent, if one was.
    """

    cause = "damaged"
    client: Any = None
    sent: str | None = None


class TooMany(PageError):  # noqa: N818
    """Too many requests or too many failures: answered as 429 with ``Retry-After`` (RFC 6585, 4).

    :param wait: seconds after which to come again.
    :param detail: the private reason.
    """

    cause = "too_many"

    def __init__(self, wait: float, detail: str) -> None:
        self.wait = max(1, math.ceil(wait))
        description = "Too many tries. Wait, and try again."
        headers = {"Retry-After": str(self.wait)}
        super().__init__("temporarily_unavailable", description, status=429, detail=detail, headers=headers)


class Unavailable(OAuth2ServerError):  # noqa: N818 - it is the state, not a mistake
    """The database could not do the work now; the client may come again.

    Answered as 503 ``temporarily_unavailable`` with ``Retry-After``.
    """

    #: Seconds after which to come again, as the header says it.
    retry_after = "2"


class IssuerUnknown(OAuth2ServerError):  # noqa: N818
    """``OAUTH2_ISSUER`` is not configured and may not be derived from the request."""


class Gone(OAuth2ServerError):  # noqa: N818
    """What the unit of work hangs on was deleted meanwhile (an integrity error)."""


class Outdated(OAuth2ServerError):  # noqa: N818
    """What was to be changed is not any more what whoever changes it has looked at."""


class Conflict(OAuth2ServerError):  # noqa: N818
    """Another transaction wrote the same row first; the unit of work is repeated once."""


class Reused(OAuth2ServerError):  # noqa: N818
    """A single-use value was presented again.

    :param authorization_id: key of the authorization that ends because of it, or None.
    :param reason: the private reason.
    """

    def __init__(self, authorization_id: int | None, reason: str) -> None:
        super().__init__(reason)
        self.authorization_id = authorization_id
        self.reason = reason


class TicketRefused(OAuth2ServerError):  # noqa: N818
    """A consent ticket is expired, used, or stands for another request."""


class TokenRefused(OAuth2ServerError):  # noqa: N818
    """An access token is not accepted.

    :param detail: the private reason: unknown, expired, revoked, ...
    :ivar client_id: the client that it was given to, where it is known.
    """

    client_id: str | None = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
