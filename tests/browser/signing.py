"""Signing keys in all states, and what is done to them on their page."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask_oauth2server import clock, jose
from flask_oauth2server.domain import keys

from ..support import Provider

if TYPE_CHECKING:
    from .visitor import Visitor, World


def fill(provider: Provider) -> None:
    """Keys in all states, uncommitted: when each was published, when it began to sign, when it was withdrawn."""
    days = {
        "RS256": ((170, 152, None), (94, 76, None), (3, -14, None)),
        "ES256": ((158, 142, None), (70, 52, 50), (50, 50, None)),
    }
    for alg, generations in days.items():
        for generation, (published, signs, withdrawn) in enumerate(generations, 1):
            add_key(provider, alg, generation, published, signs, withdrawn)


def add_key(
    provider: Provider, alg: str, generation: int, published: int, signs: int, withdrawn: int | None = None
) -> Any:
    """A signing key, with an id that is the same each time, uncommitted; times are days ago."""
    digest = hashlib.sha256(f"{alg} {generation}".encode()).digest()
    jwk = {**jose.made(alg), "kid": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
    now = clock.now()
    row = provider.oauth2.models.SigningKey(
        use="sig",
        alg=alg,
        generation=generation,
        kid=jwk["kid"],
        public=jose.public(jose.imported(jwk)),
        private=keys._sealed(jwk),
        created_at=now - timedelta(days=published),
        active_from=now - timedelta(days=signs),
        revoked_at=None if withdrawn is None else now - timedelta(days=withdrawn),
    )
    provider.db.session.add(row)
    return row


def eddsa_key(world: World) -> None:
    """A key of a third algorithm, which others may end."""
    with world.provider.app.app_context():
        if not world.provider.oauth2.models.SigningKey.query.filter_by(alg="EdDSA").count():
            add_key(world.provider, "EdDSA", 1, published=20, signs=20)
            world.provider.db.session.commit()


def damaged_key(world: World) -> None:
    """A key of a fourth algorithm, which nobody can use."""
    with world.provider.app.app_context():
        row = add_key(world.provider, "PS256", 1, published=20, signs=20)
        row.private = f"{row.private[:-4]}AAAA"
        world.provider.db.session.commit()


def mark_as_leaked(visitor: Visitor) -> None:
    """Ask to withdraw the second key."""
    visitor.page.get_by_role("link", name="Mark as leaked…").nth(1).click()


def rotate_key(visitor: Visitor) -> None:
    """Rotate that key."""
    act = visitor.page.locator(".o2-act", has_text="EdDSA")
    act.get_by_text("Rotate now…").click()
    act.get_by_role("button", name="Rotate now").click()
    visitor.page.get_by_role("status").wait_for()
