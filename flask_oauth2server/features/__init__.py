"""The features, in order: the table of contents of the protocol."""

from __future__ import annotations

from typing import Any

from . import (
    authorization_code,
    authorize,
    bearer,
    client_credentials,
    client_secret,
    form_post,
    hybrid,
    implicit,
    introspection,
    jwks,
    logout,
    metadata,
    metrics,
    openid,
    probe,
    public_client,
    refresh_token,
    revocation,
    token,
    token_cache,
    userinfo,
)

DEFAULT_FEATURES: tuple[Any, ...] = (
    authorize,
    token,
    client_secret,
    public_client,
    authorization_code,
    refresh_token,
    client_credentials,
    openid,
    implicit,
    hybrid,
    form_post,
    bearer,
    token_cache,
    revocation,
    introspection,
    userinfo,
    logout,
    jwks,
    metadata,
    probe,
    metrics,
)
