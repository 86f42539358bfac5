"""Pictures of clients: what is accepted, judged by content and never by what is said of it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from ..text import Sentence

LONGEST = 200 * 1024
LEAST, MOST = 128, 4096  # pixels


class Picture(NamedTuple):
    """Type and size of a picture."""

    content_type: str
    width: int
    height: int


def judged(content: bytes) -> Picture:
    """The picture that *content* is.

    :raises ValueError: with a sentence that names the remedy.
    """
    if len(content) > LONGEST:
        size = f"{-(-len(content) // 1024)} KB" if len(content) < 1000 * 1024 else f"{len(content) / 1024**2:.1f} MB"
        raise ValueError(Sentence("The file is %(size)s. Choose one of at most 200 KB.", size=size))
    picture = next((found for read in _READERS if (found := read(content)) is not None), None)
    if picture is None:
        raise ValueError(Sentence("This is no PNG, JPEG or WebP picture. Choose one that is."))
    if picture.width != picture.height or not LEAST <= picture.width <= MOST:
        size = f"{picture.width} × {picture.height}"
        raise ValueError(Sentence("The picture has %(size)s pixels. Choose a square one of 128 to 4096.", size=size))
    return picture


def _png(content: bytes) -> Picture | None:
    if not content.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") or len(content) < 33:
        return None
    return Picture("image/png", *struct.unpack(">II", content[16:24]))


def _jpeg(content: bytes) -> Picture | None:
    """Walk the segments to the frame header (ITU-T T.81, B.2.2)."""
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, (length,) = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return Picture("image/jpeg", width, height)
        if length < 2:
            return None
        at += 2 + length
    return None


def _webp(content: bytes) -> Picture | None:
    """The three kinds of first chunk (RFC 9649, 2)."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    kind, data = content[12:16], content[20:]
    if kind == b"VP8X":
        return Picture("image/webp", 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little"))
    if kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return Picture("image/webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[6:10])
        return Picture("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None


_READERS: tuple[Callable[[bytes], Picture | None], ...] = (_png, _jpeg, _webp)
