"""Simple tables of reStructuredText."""

from __future__ import annotations

from collections.abc import Sequence


def simple(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table of *lines* under *head*."""
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    told = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *lines]]
    return "\n".join([rule, told[0].rstrip(), rule, *(line.rstrip() for line in told[1:]), rule])
