"""What can be wrong with any request."""

from __future__ import annotations

from .entry import ASK, NEW_CODE, Cause

CAUSES: dict[str, Cause] = {
    "other": Cause("The request was refused", "readable", "RFC 6749, 5.2", "See the private reason.", ASK),
    "insecure": Cause(
        "The request came in plain http",
        "transport",
        "RFC 6749, 3.1 and 3.2",
        "Everybody on the way could read codes, secrets and tokens.",
        "Use the address that begins with https.",
        "If a proxy ends TLS, let it send X-Forwarded-Proto, and put werkzeug's ProxyFix around the app. "
        "`flask oauth2 doctor` tells whether that works.",
    ),
    "too_many_requests": Cause(
        "There were too many requests",
        "transport",
        "RFC 6585, 4",
        "One client or address could keep all others waiting.",
        "Wait as long as Retry-After says, and keep tokens until they expire instead of asking for new ones.",
        "If the rate is wanted, raise OAUTH2_RATE_TOKEN, OAUTH2_RATE_INTROSPECT, OAUTH2_RATE_ADDRESS or "
        "OAUTH2_RATE_AUTHORIZE.",
    ),
    "too_many_guesses": Cause(
        "There were too many wrong secrets",
        "transport",
        "RFC 6749, 2.3.1",
        "A short secret can be found by trying.",
        "Wait until the window is over, and send the right secret.",
        "Give the client a generated secret instead of a short one: those are not counted. The limits are "
        "OAUTH2_GUESSES_PER_CLIENT and OAUTH2_GUESSES_PER_ADDRESS.",
    ),
    "method": Cause(
        "The request used a method that the endpoint does not take",
        "readable",
        "RFC 9110, 15.5.6",
        "Secrets and tokens are sent in bodies, which only a POST has.",
        "Use the method that the answer names.",
    ),
    "not_found": Cause(
        "There is nothing at this address", "readable", "RFC 9110, 15.5.5", "It may be somebody else's."
    ),
    "not_admin": Cause(
        "Somebody who is no administrator asked for a page of administrators",
        "transport",
        "RFC 9110, 15.5.4",
        "These pages show and change everything.",
        "Sign in as an administrator.",
        "The hook admin_required says who is one; without it, whose is_admin is True.",
    ),
    "metrics_token": Cause(
        "The metrics were asked for without their token",
        "transport",
        "RFC 6750, 3.1",
        "They tell how much your provider is used.",
        "Send the token as `Authorization: Bearer …`.",
        "OAUTH2_METRICS_TOKEN is the token.",
    ),
    "offer_gone": Cause(
        "The offer of an application is no longer open",
        "readable",
        "",
        "A link that gives an application away works once, and for some days.",
        "Ask its owner for another link.",
        "OAUTH2_OFFER_EXPIRES_IN says how long it works.",
    ),
    "no_key": Cause(
        "The key of development mode did not come along",
        "transport",
        "",
        "In development mode everybody with the key can be anybody.",
        "Open the address that start-up prints.",
    ),
    "too_large": Cause(
        "The request is too long",
        "readable",
        "RFC 9110, 15.5.14",
        "Long requests cost everybody else time and memory.",
        "Send less: large request objects go by reference.",
        "OAUTH2_MAX_CONTENT_LENGTH is the limit of bodies.",
    ),
    "unreadable": Cause(
        "The request cannot be read",
        "readable",
        "RFC 6749, appendix B",
        "What two programs read differently can be used to deceive one of them.",
        "Encode every parameter as UTF-8 and percent-encode it.",
    ),
    "parameter_twice": Cause(
        "A parameter was sent twice",
        "readable",
        "RFC 6749, 3.1 and 3.2",
        "Two programs may take different ones of the two values.",
        "Look for a parameter that is both in the configured address and added by the library.",
    ),
    "parameter_missing": Cause(
        "A parameter is missing", "readable", "RFC 6749, 5.2", "Without it nobody knows what is asked for.", ASK
    ),
    "content_type": Cause(
        "The parameters did not come as a form",
        "readable",
        "RFC 6749, 3.2",
        "The endpoint reads forms alone.",
        "Send application/x-www-form-urlencoded, not JSON: in requests `data=`, not `json=`.",
    ),
    "parameters_in_address": Cause(
        "Parameters came in the address instead of the body",
        "readable",
        "RFC 6749, 2.3.1 and 3.2",
        "Addresses end up in logs and histories.",
        "Send them in the body of the POST: in requests `data=`, not `params=`.",
    ),
    "not_set_up": Cause(
        "The provider is not set up for this",
        "transport",
        "",
        "Nothing is granted by a provider that is half set up.",
        "",
        "The private reason says what is missing; `flask oauth2 doctor` looks at the rest.",
    ),
    "issuer_unknown": Cause(
        "The provider does not know its own address",
        "transport",
        "RFC 8414, 2; RFC 9207",
        "A client that is told a wrong issuer can be led to a wrong provider.",
        "",
        "Set OAUTH2_ISSUER to the https address of this provider.",
    ),
    "database_unavailable": Cause(
        "The database could not be used",
        "transport",
        "RFC 6749, 4.1.2.1",
        "Nothing is granted that cannot be written down.",
        "Come again after Retry-After: nothing was used up.",
        "See the log for what the database said.",
    ),
    "answered_before": Cause(
        "The request was answered before",
        "consent",
        "RFC 9126, 4",
        "A request that works twice can be used by somebody else.",
        NEW_CODE,
    ),
    "deleted_meanwhile": Cause(
        "What it hangs on was deleted at that moment",
        "client",
        "RFC 6749, 5.2",
        "Nothing is given to what does not exist any more.",
        "If the client is gone on purpose, take its client ID out of the application.",
    ),
}
