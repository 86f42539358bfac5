"""Values of tokens, codes and secrets: a prefix that tells the kind, random text, a checksum.

Secret scanners recognise a leak by the prefix, and garbage is refused before the database is asked.
Stored is a SHA-256 digest only; the values carry more than 250 bits of chance.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Collection

from ..errors import ConfigurationError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: 43 characters of 62 kinds are 256 bits.
RANDOM_LENGTH = 43
_READABLE = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECKSUM_LENGTH = 6
_LONGEST = 512

ACCESS, REFRESH, PERSONAL, SECRET, CODE, OFFER = "a", "r", "p", "s", "c", "t"


#: Two digits at a time, the lower one first.
_PAIRS = [low + high for high in ALPHABET for low in ALPHABET]


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(0, length, 2):
        number, pair = divmod(number, 3844)
        digits.append(_PAIRS[pair])
    return "".join(digits)[:length]


def random_text(length: int = RANDOM_LENGTH) -> str:
    """*length* random letters and digits. Eight bits each are drawn, so the bias is below 2^-80."""
    return _base62(int.from_bytes(secrets.token_bytes(length)), length)


def reference() -> str:
    """A name for one refusal that people can read out, such as ``F-7K3Q-9D2M``."""
    text = "".join(secrets.choice(_READABLE) for _ in range(8))
    return f"F-{text[:4]}-{text[4:]}"


def digest(value: str) -> str:
    """What is stored of a value: its SHA-256 in hexadecimal."""
    return hashlib.sha256(value.encode()).hexdigest()


def hint(value: str) -> str:
    """The last four characters, by which a person recognises a value."""
    return value[-4:]


class Values:
    """Makes values and recognises them.

    :param prefix: what values made now begin with.
    :param former: prefixes of values made earlier, still accepted.
    """

    def __init__(self, prefix: str, former: Collection[str] = ()) -> None:
        for known in (prefix, *former):
            if not (known.isascii() and known.isalnum() and len(known) <= 20):
                raise ConfigurationError(
                    f"OAUTH2_TOKEN_PREFIX must be 1 to 20 letters and digits, not {known!r}; the same holds for "
                    "OAUTH2_TOKEN_PREFIXES."
                )
        self._prefix = prefix
        self._accepted = {prefix, *former}

    def make(self, kind: str, length: int = RANDOM_LENGTH) -> str:
        """A new value.

        :param kind: one letter, such as :data:`ACCESS`.
        :param length: characters of its random part.
        """
        body = f"{self._prefix}{kind}_{random_text(max(length, RANDOM_LENGTH))}"
        return body + _checksum(body)

    def is_kind(self, value: str, *kinds: str) -> bool:
        """Whether *value* is one of ours and of one of *kinds*, as far as it tells itself."""
        return self.kind(value) in kinds

    def kind(self, value: str) -> str:
        """The kind of a value, one letter; empty: it is none of ours, or was changed on its way."""
        if not RANDOM_LENGTH < len(value) <= _LONGEST or not value.isascii():
            return ""
        head, _, rest = value.partition("_")
        if head[:-1] not in self._accepted or not rest.isalnum():
            return ""
        good = value.endswith(_checksum(value[:-_CHECKSUM_LENGTH]))
        return head[-1:] if good else ""

    def seems_ours(self, value: str) -> bool:
        """Whether *value* begins as ours do, so that it was cut off or changed if it is none."""
        head, mark, _ = value.partition("_")
        return bool(mark) and head[:-1] in self._accepted


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)
