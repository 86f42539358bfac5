"""An entry of the catalogue, and the checks that requests go through."""

from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """One reason of refusals.

    :ivar title: what happened, as a sentence without a full stop.
    :ivar step: the check that failed, a key of :data:`CHECKS`.
    :ivar section: where the rule stands.
    :ivar why: why the rule is there.
    :ivar client: what the makers of the client can do; may be empty.
    :ivar here: what an administrator can do here; may be empty.
    """

    title: str
    step: str
    section: str
    why: str
    client: str = ""
    here: str = ""


#: The checks of a request, each as what is true when it has passed.
CHECKS: dict[str, str] = {
    "transport": "The request came by https, and not too often",
    "readable": "The request could be read, and every parameter was sent once",
    "one_method": "The client authenticates in one way",
    "client": "The client is known",
    "enabled": "The client is enabled",
    "method": "The client authenticates in the way that it has registered",
    "secret": "The secret is right",
    "redirect_uri": "The redirect URI belongs to the client",
    "response_type": "The response type and the prompt are offered here",
    "registered": "The client has registered this grant",
    "pkce": "The request has a PKCE challenge",
    "scopes": "The client may ask for these scopes",
    "signed_in": "The person is signed in",
    "consent": "The person has allowed it",
    "grant": "The code or refresh token is known, and this client's",
    "in_time": "It is in time, and what it hangs on has not ended",
    "verifier": "The code verifier matches the challenge",
    "same_uri": "The redirect URI is the one of the authorization request",
    "unused": "It is used for the first time",
    "token_sent": "A token was sent, in one way",
    "token_known": "The token is one of this provider's",
    "token_live": "The token is in time, and what it hangs on has not ended",
    "audience": "The token is for this resource",
    "held": "The token has the scopes that the view demands",
}

_FIRST = ("transport", "readable")
_PERSON = ("pkce", "scopes", "signed_in", "consent")
_CLIENT = ("one_method", "client", "enabled", "method", "secret")
#: The checks of each kind of request, in their order.
FLOWS: dict[str, tuple[str, ...]] = {
    "authorize": (*_FIRST, "client", "enabled", "redirect_uri", "response_type", "registered", *_PERSON),
    "access_token": (*_FIRST, *_CLIENT, "registered", "grant", "in_time", "scopes", "verifier", "same_uri", "unused"),
    "client": (*_FIRST, *_CLIENT),
    "resource": ("token_sent", "token_known", "token_live", "audience", "held"),
    "page": _FIRST,
}

#: Advice that fits several.
ASK = "Ask its makers to send what the documentation of this provider says."
START_AGAIN = "Let it throw away what it has, and send the person to sign in again."
NEW_CODE = "Let it send the person to the authorization endpoint again, for a new code."
