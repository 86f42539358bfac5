"""The part of the walk about OpenID Connect: sign in with the provider, and out again."""

import base64
import hashlib
import secrets
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet
from person import ADA, Browser, Forms, expect, expect_in, query_of

CALLBACK, BYE = "https://calendar.example/callback", "https://calendar.example/bye"


def openid(walk):
    """A client that wants to know who somebody is. Nobody serves it: its answers are read off the redirects."""
    told = walk.api("/.well-known/openid-configuration").json()
    expect("The issuer in the discovery document", walk.provider, told["issuer"])
    expect_in("The claims that are told", "email", told["claims_supported"])
    client = _registered(walk)
    walk.ok("the discovery document names what is told of people; a client is registered to sign them in")

    person = Browser()
    person.visit(f"{walk.provider}/login")
    person.press("Sign in", **ADA)
    token, claims = _signed_in(walk, told, client, person)
    walk.ok("a client signs ada in, and verifies its ID token with the published keys")

    answer = walk.api("/oauth/userinfo", token["access_token"]).json()
    expect("Userinfo", {"sub": claims["sub"], "email": "ada@example.org", "email_verified": True}, answer)
    walk.ok("userinfo tells what was allowed, and no more")

    logout = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": BYE, "state": "s 1"}
    answer = person.visit(f"{told['end_session_endpoint']}?{urlencode(logout)}", allow_redirects=False)
    expect("Where signing out leads", f"{BYE}?state=s+1", answer.headers.get("Location"))
    refused = walk.ask("/oauth/token", client, grant_type="refresh_token", refresh_token=token["refresh_token"])
    expect("A refresh after that", (400, "invalid_grant"), (refused.status_code, refused.json()["error"]))
    walk.ok("the client signs ada out: she goes on to its page, and what it was given has ended")


def _registered(walk):
    """Client ID and secret of a new client, from the page of the administrator."""
    walk.browser.visit(f"{walk.provider}/admin/oauth2/clients/new/?preset=web")
    addresses = {"redirect_uris": CALLBACK, "post_logout_redirect_uris": BYE}
    walk.browser.press("Register client", name="Campus Calendar", ticks=("openid", "email"), **addresses)
    texts = Forms(walk.browser.page.text).texts
    return texts["o2-client-id"].strip(), texts["o2-once-value"].strip()


def _signed_in(walk, told, client, person):
    """The token answer and the claims of its ID token, after the person has pressed Allow."""
    nonce, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"response_type": "code", "client_id": client[0], "redirect_uri": CALLBACK, "scope": "openid email"}
    proof = {"nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256"}
    person.visit(f"{told['authorization_endpoint']}?{urlencode({**asked, **proof})}")
    expect_in("The consent page", "Sign in to Campus Calendar with your Demo Notes account?", person.text)
    expect_in("The consent page", "Do this until you sign out of Demo Notes", person.text)
    code = query_of(person.press("Allow", follow=False).headers["Location"])["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    token = walk.ask("/oauth/token", client, **form).json()
    keys = KeySet.import_key_set(walk.api(told["jwks_uri"].removeprefix(walk.provider)).json())
    claims = jwt.decode(token["id_token"], keys).claims
    said = {name: claims[name] for name in ("iss", "aud", "nonce")}
    expect("The ID token", {"iss": walk.provider, "aud": client[0], "nonce": nonce}, said)
    return token, claims
