"""The tables that its documentation asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, ForeignKey, Integer, String, Text
from sqlalchemy.orm import mapped_column, relationship

db = SQLAlchemy()


class User(db.Model):  # type: ignore[name-defined, misc]
    """People of the app."""

    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String(40), nullable=False)


class Client(db.Model):  # type: ignore[name-defined, misc]
    """Applications."""

    client_id = mapped_column(String(40), primary_key=True)
    client_secret = mapped_column(String(55), nullable=False)
    is_confidential = mapped_column(Integer, nullable=False, default=1)
    redirect_uri_list = mapped_column(Text, nullable=False)
    scope_list = mapped_column(Text, nullable=False)
    #: Nobody owns it; asked for where a client acts for itself.
    user = None
    allowed_grant_types = ("authorization_code", "refresh_token", "client_credentials")

    @property
    def redirect_uris(self) -> list[str]:
        """Where answers may go."""
        return str(self.redirect_uri_list).split()

    @property
    def default_redirect_uri(self) -> str:
        """Where they go if nothing is said."""
        return self.redirect_uris[0]

    @property
    def default_scopes(self) -> list[str]:
        """What it may ask for."""
        return str(self.scope_list).split()


class _Owned:
    """Of a client, for a person."""

    id = mapped_column(Integer, primary_key=True)
    client_id = mapped_column(ForeignKey("client.client_id"), nullable=False)
    user_id = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    expires_at = mapped_column(DateTime, nullable=False)
    scope_list = mapped_column(Text, nullable=False)

    @property
    def expires(self) -> datetime:
        """Compared with a time that knows its zone."""
        at: datetime = self.expires_at
        return at.replace(tzinfo=UTC)

    @property
    def scopes(self) -> list[str]:
        """What it allows."""
        return str(self.scope_list).split()

    def delete(self) -> Any:
        """It has ended."""
        db.session.delete(self)
        db.session.commit()
        return self


class Grant(_Owned, db.Model):  # type: ignore[name-defined, misc]
    """Codes."""

    code = mapped_column(String(255), index=True, nullable=False)
    redirect_uri = mapped_column(String(255))
    user = relationship("User")


class Token(_Owned, db.Model):  # type: ignore[name-defined, misc]
    """Tokens."""

    token_type = mapped_column(String(40))
    access_token = mapped_column(String(255), unique=True)
    refresh_token = mapped_column(String(255), unique=True)
    user = relationship("User")
    client = relationship("Client")
