"""What the verbs of :class:`.ServerState` note down of features that join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .domain.bearer import TokenInfo
from .storage.clients import ClientInfo


class Route(NamedTuple):
    """An endpoint or a page."""

    rule: str
    name: str
    view: Callable[..., Any]
    page: bool
    at_root: bool
    methods: tuple[str, ...]
    cors: bool
    checks_csrf: bool
    blueprint: str
    rate: str
    uploads: int


class EndpointParameters(NamedTuple):
    """What an endpoint knows: names, and whether each may be sent more than once."""

    names: dict[str, bool]
    likes: list[str]
    authenticates: bool


class ClientAuth(NamedTuple):
    """A method of client authentication."""

    find: Callable[[Any], tuple[str, Any] | None]
    verify: Callable[[ClientInfo, Any], bool]
    parameters: tuple[str, ...]
    uses_secret: bool


class GrantType(NamedTuple):
    """A grant at the token endpoint."""

    grant_class: type[Any]
    before_unit: Callable[[Any, ClientInfo], None] | None
    apart: bool


class ResponseType(NamedTuple):
    """A response type at the authorization endpoint; ``mode`` is its default response mode."""

    grant_class: type[Any]
    mode: str


class TokenType(NamedTuple):
    """An authentication scheme of protected views."""

    scheme: str
    judge: Callable[[TokenInfo], None]
