"""What is the same in all targets: the client, the person, the scope, the size of a population."""

from __future__ import annotations

from typing import NamedTuple

CLIENT_ID = "bench"
#: As long and as random as a generated one: a shorter one would be treated like a password by some.
CLIENT_SECRET = "nS5vYcQ8eBfW2kLx7RgTzH3mJp9DaUiK4oVtE6wXyZ1CqGhN"
REDIRECT_URI = "https://client.example/cb"
SCOPE = "read"
#: Key and name of the person who is signed in.
USER_ID, USER_NAME = 1, "Person 1"
#: So many tokens of a data set are presented, in random order.
PRESENTED = 1000


class Population(NamedTuple):
    """So many rows of each kind; keys count from 1."""

    tokens: int
    users: int
    clients: int
    authorizations: int


def population(tokens: int) -> Population:
    """What a provider with that many tokens has besides: ten tokens a person, five an authorization.

    Token *i* hangs on authorization ``i % authorizations + 1``, and so on; the client that is measured is the first.
    """
    return Population(tokens, max(100, tokens // 10), 100, max(100, tokens // 5))
