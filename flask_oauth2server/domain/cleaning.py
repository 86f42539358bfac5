"""What may be written down of a request: everything but secrets."""

from __future__ import annotations

import re
from urllib.parse import unquote

#: So much is kept, and so much is looked at: a secret that begins before the one ends before the other.
_LONGEST, _READ = 500, 1000
#: How often a value may have been percent-encoded before it was sent.
_DECODINGS = 3
#: What looks like a token of anybody's, or a JSON Web Token. Strangers choose the text: nothing here goes back.
_SECRETS = re.compile(r"[A-Za-z0-9]{1,21}_[A-Za-z0-9]{20,}+|eyJ[\w-]{10,}+(?:\.[\w-]*+){1,4}+")
#: What parts of an address, and of a text, stand between.
_BETWEEN = re.compile(r"([\s/?#\\]+)")
#: Authentication schemes; any other word there may be a secret.
_SCHEMES = frozenset(
    ("apikey", "api-key", "aws4-hmac-sha256", "basic", "bearer", "digest", "dpop", "hawk", "hmac", "jwt", "key", "mac")
) | frozenset(("negotiate", "ntlm", "oauth", "token", "gnap", "privatetoken", "signature"))


def cleaned(text: str) -> str:
    """*text* as it can be kept: without secrets, NUL and lone surrogates, and not too long.

    Where a secret shows only when it is decoded, nothing of the text is kept.
    """
    storable = text[:_READ].replace("\0", "").encode("utf-8", "replace").decode()
    masked = decoded = _masked(storable)
    for _ in range(_DECODINGS):
        decoded = unquote(decoded)
        if _masked(decoded) != decoded:
            return f"({len(text)} characters with a secret among them)"
    return masked[:_LONGEST]


def _masked(text: str) -> str:
    """*text* without secrets, and without what stands before the @ of an address."""
    parts = _BETWEEN.split(_SECRETS.sub("…", text)) if "@" in text else [_SECRETS.sub("…", text)]
    return "".join(f"…@{part.rpartition('@')[2]}" if "@" in part else part for part in parts)


def scheme_of(header: str) -> str:
    """The authentication scheme of an Authorization header, or how long what stands in its place is."""
    word, space, _ = header.strip().partition(" ")
    if not word:
        return ""
    if space and word.lower().rstrip(":") in _SCHEMES:
        return word
    return f"({len(word)} characters, no scheme)"
