"""One application uses three grants here, while the toolkit keeps one for each."""

from __future__ import annotations

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator


class Validator(OAuth2Validator):
    """The toolkit's own, but for that."""

    def validate_grant_type(self, client_id: str, grant_type: str, *args: Any, **kwargs: Any) -> bool:
        """Which grants an application may use."""
        return grant_type in ("authorization_code", "refresh_token", "client_credentials")
