"""How administrators find people: by the beginning of what the host's user model knows of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String, inspect, or_, select

from ..models.factory import Models
from .base import Queries
from .users import Users


class UserSearch(Queries):
    """Queries for users whose key is not known.

    :param db: the Flask-SQLAlchemy object.
    :param models: the classes made for it.
    :param users: knows the host's user model, if there is one.
    """

    def __init__(self, db: SQLAlchemy, models: Models, users: Users) -> None:
        super().__init__(db, models)
        self._users = users

    def keys(self, text: str, columns: Collection[str], limit: int, *, whole: bool = False) -> list[Any]:
        """Keys of at most *limit* users of whom one of *columns* begins with *text*, as it is written or
        in small letters; empty where there is no user model.

        :param whole: one of *columns* is *text*, and does not only begin with it.
        """
        searched = self._columns(columns)
        if not searched or not text:
            return []
        tries = {text, text.lower()}
        if whole:
            conditions = [column.in_(tries) for column in searched]
        else:
            conditions = [column.like(_beginning(one), escape="/") for column in searched for one in tries]
        key: Any = self._users.key_column
        statement = select(key).where(or_(*conditions)).limit(limit)
        return [row[0] for row in self.all(statement)]

    def load(self, keys: Sequence[Any]) -> list[Any]:
        """The users with these keys by one query, where there is a user model; while the list is held,
        each is found without a further one."""
        model: Any = self._users.user_model
        column: Any = self._users.key_column
        if model is None or not keys:
            return []
        return list(self.db.session.scalars(select(model).where(column.in_(list(keys)))))

    def texts(self, user: Any, columns: Collection[str]) -> list[str]:
        """What *user* has in those of *columns* that there are, as far as it has something."""
        found = [getattr(user, attribute.key, None) for attribute in self._columns(columns)]
        return [text for text in found if text]

    def _columns(self, names: Collection[str]) -> list[Any]:
        """Text columns of the user model, of those that are named."""
        if self._users.user_model is None:
            return []
        known = inspect(self._users.user_model).column_attrs
        attributes = [getattr(self._users.user_model, name) for name in names if name in known]
        return [attribute for attribute in attributes if isinstance(attribute.type, String)]


def _beginning(text: str) -> str:
    for character in "/%_":
        text = text.replace(character, f"/{character}")
    return f"{text}%"
