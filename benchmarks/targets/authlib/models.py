"""The tables: Authlib's mixins."""

from __future__ import annotations

from authlib.integrations.sqla_oauth2 import OAuth2AuthorizationCodeMixin, OAuth2ClientMixin, OAuth2TokenMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import mapped_column, relationship

db = SQLAlchemy()


class User(db.Model):  # type: ignore[name-defined, misc]
    """People of the app."""

    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String(100), nullable=False)

    def get_user_id(self) -> int:
        """Asked for by Authlib."""
        return int(self.id)


class _OfUser:
    id = mapped_column(Integer, primary_key=True)
    user_id = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))


class OAuth2Client(_OfUser, OAuth2ClientMixin, db.Model):  # type: ignore[name-defined, misc]
    """Applications."""

    __tablename__ = "oauth2_client"


class OAuth2AuthorizationCode(_OfUser, OAuth2AuthorizationCodeMixin, db.Model):  # type: ignore[name-defined, misc]
    """Codes."""

    __tablename__ = "oauth2_code"


class OAuth2Token(_OfUser, OAuth2TokenMixin, db.Model):  # type: ignore[name-defined, misc]
    """Tokens, each with its person."""

    __tablename__ = "oauth2_token"
    user = relationship("User")
