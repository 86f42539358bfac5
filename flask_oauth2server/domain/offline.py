"""What a client may do while the person is away, and what ends when they sign out."""

from __future__ import annotations

from collections.abc import Collection

from ..storage.clients import ClientInfo

#: The scope that signs people in, and the one that lets a client stay when they have signed out
#: (OpenID Connect Core, 3.1.2.1 and 11).
SIGN_IN, STAY = "openid", "offline_access"


class Offline:
    """The rules of one app.

    :param grants: the grant types that are offered.
    :param ends: whether signing out ends what was given to sign in with (``OAUTH2_REVOKE_ON_LOGOUT``).
    """

    def __init__(self, grants: Collection[str], ends: bool) -> None:
        self._grants = grants
        self._ends = ends

    def may_refresh(self, client: ClientInfo) -> bool:
        """Whether *client* is given refresh tokens: it has registered them, and they are offered."""
        return "refresh_token" in client.grant_types and "refresh_token" in self._grants

    def ends_with_session(self, scopes: Collection[str]) -> bool:
        """Whether what is given for *scopes* ends when the person signs out (Back-Channel Logout, 2.7)."""
        return self._ends and SIGN_IN in scopes and STAY not in scopes

    def outlives(self, client: ClientInfo, scopes: Collection[str]) -> bool:
        """Whether *client* may act while the person is away."""
        return self.may_refresh(client) and not self.ends_with_session(scopes)
