"""Our parameters as oauthlib's request, and what travels with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from oauthlib.common import Request

from ..domain.claims import NOTHING, Wanted
from ..domain.sessions import Authentication
from ..storage.clients import ClientInfo
from .parameters import Parameters

# oauthlib insists on https; whether the transport is acceptable was decided before.
_AUTHORIZE = Request("https://provider.invalid/authorize", http_method="GET")
_TOKEN = Request("https://provider.invalid/token", http_method="POST")


@dataclass
class Issuance:
    """A token about to be issued; token filters change it.

    :ivar client: the client that gets it.
    :ivar user_key: the user it acts for, or None.
    :ivar grant_type: the grant, or ``implicit``.
    :ivar scopes: what it allows.
    :ivar expires_in: seconds that the access token lives.
    :ivar audience: resources it is for; None: this provider.
    :ivar members: further members of the answer.
    :ivar access_token: its value; a filter may put one of another format here, which later ones see.
    :ivar refresh_token: value of the refresh token that goes with it, or None.
    :ivar payload: what the code remembered of the authorization request.
    :ivar authorization_id: key of the authorization that it hangs on, or None.
    :ivar authentication: how the person had signed in who gave that; None where nobody did.
    :ivar wanted: what the parameter ``claims`` asked for then.
    :ivar columns: further columns of the token's row, for a feature that has added some.
    """

    client: ClientInfo
    user_key: Any
    grant_type: str
    scopes: list[str]
    expires_in: int
    parameters: Parameters
    audience: list[str] | None = None
    members: dict[str, Any] = field(default_factory=dict, repr=False)
    access_token: str = field(default="", repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    payload: dict[str, Any] = field(default_factory=dict, repr=False)
    authorization_id: int | None = None
    authentication: Authentication | None = None
    wanted: Wanted = NOTHING
    columns: dict[str, Any] = field(default_factory=dict, repr=False)

    def answer(self) -> dict[str, Any]:
        """The members of the token response (RFC 6749, 5.1)."""
        result: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": " ".join(self.scopes),
        }
        if self.refresh_token:
            result["refresh_token"] = self.refresh_token
        return {**result, **self.members}


class ProtocolRequest(Request):
    """oauthlib's request over our parameters.

    oauthlib takes any wire parameter as an attribute, which is why only known names get here, and
    why everything that is not a parameter is set by us.
    """

    # Set by us, never from the wire.
    user: None
    scopes: list[str] | None
    extra_credentials: None
    parameters: Parameters
    client: ClientInfo | None
    #: Whether an error may be told to the redirect URI.
    redirect_ok: bool
    #: The private reason of a refusal, for the log.
    detail: str
    #: What ended a request for people: which sentence the error page shows.
    cause: str
    user_key: Any
    #: What a grant class does with a code or refresh token: peek, and tell whether it is good.
    redeem: Callable[[str], bool]
    #: Uses up what was redeemed; called last, after the authorization is locked.
    use_up: Callable[[], None] | None
    authorization_id: int | None
    authorization_expires_at: datetime | None
    authentication: Authentication | None
    #: The ``sub`` of the ID token that came as a hint.
    hinted: str | None
    #: What the parameter ``claims`` asks for, and classes of authentication that it insists on.
    wanted: Wanted
    essential_acr: tuple[str, ...]
    #: Scopes of the authorization that a refresh starts from.
    original_scopes: list[str]
    generation: int
    #: The refresh token that stays, where the client does not rotate.
    kept_refresh: str | None
    payload: dict[str, Any]
    issuance: Issuance | None

    def __init__(self, empty: Request, parameters: Parameters, client: ClientInfo | None) -> None:
        # A copy of what oauthlib has made of an empty request, and what it would decode again from a string that
        # we would have to encode.
        self.__dict__.update(vars(empty), headers={}, oauth_params=[], validator_log={})
        self.decoded_body = list(parameters)
        self._params = {**empty._params, **dict(self.decoded_body)}
        self.parameters = parameters
        self.client = client
        self.user = self.scopes = self.extra_credentials = None
        self.redirect_ok = False
        self.detail = self.cause = ""
        self.user_key = None
        self.use_up = None
        self.authorization_id = self.authorization_expires_at = self.authentication = None
        self.hinted = None
        self.wanted, self.essential_acr = NOTHING, ()
        self.original_scopes = []
        self.generation = 0
        self.kept_refresh = None
        self.payload = {}
        self.issuance = None

    @cached_property
    def duplicate_params(self) -> list[str]:
        """Names that came more than once; oauthlib looks for some of them."""
        return [name for name, times in Counter(name for name, _ in self.parameters).items() if times > 1]

    def refuse(self, detail: str) -> bool:
        """Note why, and answer False: for the validator's questions."""
        self.detail = detail
        return False


def for_authorization(parameters: Parameters) -> ProtocolRequest:
    """The request of the authorization endpoint."""
    return ProtocolRequest(_AUTHORIZE, parameters, None)


def for_token(parameters: Parameters, client: ClientInfo) -> ProtocolRequest:
    """The request of the token endpoint; the client is authenticated already."""
    request = ProtocolRequest(_TOKEN, parameters, client)
    request.client_id = client.client_id
    return request
