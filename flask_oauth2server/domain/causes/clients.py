"""Who asks, and whether it is that client."""

from __future__ import annotations

from .entry import Cause

CAUSES: dict[str, Cause] = {
    "client_id_missing": Cause(
        "No client ID was sent",
        "client",
        "RFC 6749, 4.1.1",
        "Nobody knows who asks.",
        "Put the client ID into the configuration of the application.",
    ),
    "client_unknown": Cause(
        "No client has this client ID",
        "client",
        "RFC 6749, 3.1.2.4 and 5.2",
        "Nobody knows who asks, so nothing is told to the address that came with it.",
        "Compare the client ID with the one on the client's page, and whether it is this provider's at all "
        "(test and production have different ones).",
        "If the client was deleted, register it again.",
    ),
    "client_disabled": Cause(
        "The client is disabled",
        "enabled",
        "RFC 6749, 5.2",
        "Somebody has stopped it.",
        "",
        "Press Enable on the client's page, if it may go on. The audit log tells who has disabled it.",
    ),
    "two_clients": Cause(
        "Two different clients are named",
        "one_method",
        "RFC 6749, 2.3",
        "One client could act in the name of another one.",
        "Send the same client ID in the body as in the Authorization header, or none in the body.",
    ),
    "two_methods": Cause(
        "The client authenticated in two ways at once",
        "one_method",
        "RFC 6749, 2.3",
        "Each of two programs could believe another one of the two.",
        "Send the secret in the Authorization header or in the body, not in both: many libraries have a setting "
        "for it.",
    ),
    "no_client_authentication": Cause(
        "The client did not authenticate",
        "one_method",
        "RFC 6749, 3.2.1",
        "A confidential client proves who it is each time.",
        "Send the client ID and the secret; a public client sends its client ID in the body.",
    ),
    "basic_malformed": Cause(
        "The Basic header cannot be read",
        "one_method",
        "RFC 6749, 2.3.1; RFC 7617, 2",
        "It is base64 of the form-encoded client ID, a colon, and the form-encoded secret.",
        "Let the library make the header: in requests `auth=(client_id, client_secret)`.",
    ),
    "auth_method": Cause(
        "The client authenticates in another way than it has registered",
        "method",
        "RFC 7591, 2",
        "Otherwise whoever finds a weaker way could take it.",
        "Let it authenticate in the registered way: client_secret_basic is the Authorization header, "
        "client_secret_post the body, none a bare client ID.",
        "Change “Client authentication” of the client to what it does.",
    ),
    "needs_confidential": Cause(
        "A public client asked for what only confidential clients may have",
        "registered",
        "RFC 6749, 4.4; RFC 7662, 2.1",
        "Anybody can take the client ID of a public client for their own.",
        "Let a server of its own ask, as a confidential client.",
        "Register a service or a resource server beside it.",
    ),
    "secret_wrong": Cause(
        "The secret is wrong",
        "secret",
        "RFC 6749, 2.3.1",
        "Whoever does not know the secret is not the client.",
        "Compare the last four characters with the hints on the client's page; look for spaces, quotes or a line "
        "end around it, and whether it is percent-encoded twice.",
        "Make a new secret on the client's page: the others go on working beside it.",
    ),
}
