"""What may be written down of a request: everything but secrets."""

from __future__ import annotations

import re
from urllib.parse import unquote

_LONGEST = 500
#: How often a value may have been percent-encoded before it was sent.
_DECODINGS = 3
#: What looks like a token of anybody's, a JSON Web Token, and what stands before the @ of an address.
_SECRETS = re.compile(
    r"[A-Za-z0-9]{1,21}_[A-Za-z0-9]{20,}"
    r"|eyJ[\w-]{10,}(?:\.[\w-]*){1,4}"
    r"|(?<=//)[^/?#\s]*(?=@)"
    r"|(?<=:)[^/\\?#\s]+(?=@)"
)
#: Authentication schemes; any other word there may be a secret.
_SCHEMES = frozenset(
    ("apikey", "api-key", "aws4-hmac-sha256", "basic", "bearer", "digest", "dpop", "hawk", "hmac", "jwt", "key", "mac")
) | frozenset(("negotiate", "ntlm", "oauth", "token", "gnap", "privatetoken", "signature"))


def cleaned(text: str) -> str:
    """*text* as it can be kept: without secrets, NUL and lone surrogates, and not too long.

    Where a secret shows only when it is decoded, nothing of the text is kept.
    """
    storable = text.replace("\0", "").encode("utf-8", "replace").decode()
    masked = decoded = _SECRETS.sub("…", storable)
    for _ in range(_DECODINGS):
        decoded = unquote(decoded)
        if _SECRETS.sub("…", decoded) != decoded:
            return f"({len(text)} characters with a secret among them)"
    return masked[:_LONGEST]


def scheme_of(header: str) -> str:
    """The authentication scheme of an Authorization header, or how long what stands in its place is."""
    word, space, _ = header.strip().partition(" ")
    if not word:
        return ""
    if space and word.lower().rstrip(":") in _SCHEMES:
        return word
    return f"({len(word)} characters, no scheme)"
