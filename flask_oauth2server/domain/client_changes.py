"""What the audit tells of a client before and after a change; never a secret."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

_COLUMNS = (
    *("name", "first_party", "verified", "may_introspect"),
    *("access_token_expires_in", "refresh_token_expires_in", "refresh_rotation"),
)


def facts(client: Any, logo: str | None = None) -> dict[str, Any]:
    """What may be told of a client, by name.

    :param logo: the digest of its picture, as far as that is of interest.
    """
    return {**{name: getattr(client, name) for name in _COLUMNS}, **client.client_metadata, "logo": logo}


def between(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Collection[str] | None = None
) -> dict[str, list[Any] | None]:
    """What differs, as ``{name: [before, after]}``.

    :param names: of what has changed; the columns of a host's own are told by their names alone, for nobody
        knows what is in them. None: all that differs, but for what is empty on both sides.
    """
    if names is None:
        known = sorted(before.keys() | after.keys())
        names = [name for name in known if (before.get(name) or None) != (after.get(name) or None)]
    told = before.keys() | after.keys()
    return {name: [before.get(name), after.get(name)] if name in told else None for name in sorted(names)}
