"""A grant of one's own: whoever holds a voucher, signed by us, gets a token for the user it names, once."""

import json
import secrets
from datetime import timedelta

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer
from oauthlib.oauth2.rfc6749.grant_types.base import GrantTypeBase

from flask_oauth2server import clock
from flask_oauth2server.errors import ProtocolError

GRANT_TYPE = "urn:example:voucher"
LIFE = "OAUTH2_VOUCHER_EXPIRES_IN"
DEFAULTS = {LIFE: 600}  # in seconds; a setting that comes with the feature


def init_app(server):
    """Join: ``OAuth2Server(features=[*DEFAULT_FEATURES, add_a_grant])``."""
    server.add_parameters("token", "voucher")
    server.add_grant(GRANT_TYPE, VoucherGrant, before_unit=lambda parameters, _client: read(server, parameters))


def issue(server, user, scopes):
    """A voucher for *user*, who has agreed. It has an id, for its signature can be spelled in several ways."""
    said = {"id": secrets.token_urlsafe(), "user": str(server.subjects.key_of(user)), "scopes": scopes}
    return URLSafeTimedSerializer(current_app.secret_key, GRANT_TYPE).dumps(said)


def read(server, parameters):
    """What the voucher says; asked before the unit, too, so that a forged one costs no transaction."""
    signer = URLSafeTimedSerializer(current_app.secret_key, GRANT_TYPE)
    try:
        return signer.loads(parameters.get("voucher") or "", max_age=server.settings[LIFE])
    except BadData as error:
        raise ProtocolError("invalid_grant", detail=str(error)) from error  # the detail is for the log


class VoucherGrant(GrantTypeBase):
    def create_token_response(self, request, token_handler):
        """All of this is one unit: what raises leaves nothing behind, and the voucher unused."""
        server, said = self.request_validator.server, read(self.request_validator.server, request.parameters)
        user, end = server.subjects.parsed(said["user"]), clock.now() + timedelta(seconds=server.settings[LIFE])
        self.validate_grant_type(request)  # has the client registered it?
        self.validate_scopes(request)  # may the client ask for them?
        if not set(request.scopes) <= set(said["scopes"]):
            raise ProtocolError("invalid_scope", "The voucher allows less.")
        if not server.subjects.is_active(user):
            raise ProtocolError("invalid_grant", detail="the user is missing or not active")
        used = ProtocolError("invalid_grant", detail="the voucher was used before")
        server.storage.replays.use_up(GRANT_TYPE, said["id"], end, refused=lambda: used)
        # Under an authorization the token can be revoked by user and client, and refreshed.
        granted = server.authorizations.grant(request.client, user, request.scopes)
        request.user_key, request.authorization_id = user, granted.pk
        request.authorization_expires_at = granted.expires_at
        token = token_handler.create_token(request, refresh_token=True)  # only if the client may refresh
        self.request_validator.save_token(token, request)
        return {}, json.dumps(token), 200
