"""Protected views."""

from __future__ import annotations

from .entry import START_AGAIN, Cause

CAUSES: dict[str, Cause] = {
    "token_missing": Cause(
        "No token was sent",
        "token_sent",
        "RFC 6750, 2.1 and 3.1",
        "The view is for tokens alone.",
        "Send the header `Authorization: Bearer …`. Some servers take it away before the app sees it.",
        "Let the web server pass the Authorization header on (mod_wsgi: WSGIPassAuthorization On).",
    ),
    "token_twice": Cause(
        "The token was sent in two ways",
        "token_sent",
        "RFC 6750, 2",
        "Each of two programs could believe another one of the two.",
        "Send it in the Authorization header alone.",
    ),
    "header_malformed": Cause(
        "The Authorization header cannot be read",
        "token_sent",
        "RFC 6750, 2.1",
        "It is the word Bearer, one space and the token, without quotes or commas.",
        "Look for a doubled “Bearer”, quotes, or JSON where the token should be.",
    ),
    "token_unknown": Cause(
        "That is no access token of this provider",
        "token_known",
        "RFC 6750, 3.1",
        "It was cut off or changed on its way, is of another kind or provider, or was removed after its end.",
        "Send access_token of the token answer, whole: not the code, the ID token or the refresh token.",
    ),
    "token_refused": Cause(
        "The token was refused", "token_live", "RFC 6750, 3.1", "See the private reason.", START_AGAIN
    ),
    "token_expired": Cause(
        "The token has expired",
        "token_live",
        "RFC 6750, 3.1",
        "Tokens live an hour, so that a stolen one is soon worth nothing.",
        "Refresh when a request is answered 401, and try again.",
        "OAUTH2_PROVIDER_TOKEN_EXPIRES_IN, or the lifetime of the client, says how long it lives.",
    ),
    "token_revoked": Cause(
        "The token was revoked", "token_live", "RFC 7009", "Somebody has ended it.", "Ask for a new one."
    ),
    "token_of_nobody": Cause(
        "The token belongs to nobody any more",
        "token_live",
        "RFC 6750, 3.1",
        "Its client or user is gone.",
        START_AGAIN,
    ),
    "token_for_another": Cause(
        "The token is for another resource",
        "audience",
        "RFC 8707, 2.2",
        "A resource that is given a token could use it at another one.",
        "Ask for a token for this resource (`resource`).",
    ),
    "scope_not_held": Cause(
        "The token lacks a scope that the view demands",
        "held",
        "RFC 6750, 3.1",
        "A token does what was allowed, and no more.",
        "Ask for the scope at the authorization endpoint: the person has to allow it.",
        "Look whether the view demands the right scope, and whether the client may ask for it.",
    ),
    "acr_too_weak": Cause(
        "The person has not authenticated strongly enough",
        "held",
        "RFC 9470, 3",
        "The view demands a class of authentication.",
        "Send the person to the authorization endpoint with the acr_values of the challenge.",
        "Look whether the hooks authentication_context and step_up are there.",
    ),
    "authenticated_too_long_ago": Cause(
        "The person authenticated too long ago",
        "held",
        "RFC 9470, 3",
        "The view demands a fresh sign-in. Refreshing a token does not make it fresher.",
        "Send the person to the authorization endpoint with the max_age of the challenge.",
    ),
}
