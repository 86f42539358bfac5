"""A client application: signs people in at the provider and calls its API in their name.

It is a process of its own and shares nothing with the provider but a client id and a secret. Run it
through ``examples/run.sh``, or alone beside the provider::

    CLIENT_SECRET=... python examples/client_app.py
"""

import os
import secrets

import requests
from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, render_template, request, session, url_for
from flask_wtf import CSRFProtect, FlaskForm

PROVIDER = os.environ.get("PROVIDER_URL", "http://127.0.0.1:5000")

app = Flask(__name__)
app.config.update(
    SECRET_KEY=secrets.token_hex(),
    # Cookies know no ports: two apps on one host need two names.
    SESSION_COOKIE_NAME="client_session",
    SESSION_COOKIE_SAMESITE="Lax",
)
CSRFProtect(app)

#: Tokens stay on the server: Flask's session is a cookie that its owner can read.
TOKENS = {}


def keep(name, token, refresh_token=None, access_token=None):
    """Authlib refreshes an expired token by itself; what came must be kept, for the old one is used up."""
    TOKENS[session["key"]] = token


oauth = OAuth(app, update_token=keep)
oauth.register(
    "provider",
    client_id=os.environ.get("CLIENT_ID", "demo"),
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{PROVIDER}/.well-known/oauth-authorization-server",  # RFC 8414
    client_kwargs={"code_challenge_method": "S256"},
)


def show(**values):
    """The one page."""
    return render_template("client.html", form=FlaskForm(), token=TOKENS.get(session.get("key")), **values)


@app.get("/")
def home():
    """Where everything starts."""
    return show()


@app.post("/sign-in")
def sign_in():
    """Send the person to the provider, with state and a PKCE challenge."""
    # The scope is named here and not in client_kwargs, which Authlib repeats at every refresh: where the
    # person has allowed less, asking for more is refused (RFC 6749, 6).
    return oauth.provider.authorize_redirect(url_for("callback", _external=True), scope="email notes")


@app.get("/callback")
def callback():
    """They are back: exchange the code for tokens."""
    if request.args.get("iss") != PROVIDER:  # RFC 9207: the answer is from whom we asked
        return show(error="an answer of somebody else"), 400
    token = oauth.provider.authorize_access_token()
    session["key"] = secrets.token_urlsafe()
    TOKENS[session["key"]] = token
    return redirect(url_for("home"))


@app.post("/call")
def call():
    """Call the API in the person's name."""
    if session.get("key") not in TOKENS:
        return redirect(url_for("home"))
    answers = {}
    for path in ("/api/me", "/api/notes"):
        answer = oauth.provider.get(f"{PROVIDER}{path}", token=TOKENS[session["key"]])  # the newest, see keep()
        answers[path] = {"status": answer.status_code, "json": answer.json()}
    return show(answers=answers)


@app.post("/refresh")
def refresh():
    """A new access token, and a new refresh token: the old one must not be used again."""
    token = TOKENS.get(session.get("key"))
    if token is None:
        return redirect(url_for("home"))
    TOKENS[session["key"]] = oauth.provider.fetch_access_token(
        grant_type="refresh_token", refresh_token=token["refresh_token"]
    )
    return redirect(url_for("home"))


@app.post("/revoke")
def revoke():
    """Give the tokens back (RFC 7009), so that they open nothing any more, here or elsewhere."""
    token = TOKENS.get(session.get("key"))
    if token is None:
        return redirect(url_for("home"))
    answer = requests.post(
        oauth.provider.load_server_metadata()["revocation_endpoint"],
        data={"token": token["refresh_token"]},
        auth=(oauth.provider.client_id, oauth.provider.client_secret),
        timeout=10,
    )
    answer.raise_for_status()
    return redirect(url_for("home"))


@app.errorhandler(OAuthError)
def told(error):
    """What the provider refused, wherever it did."""
    return show(error=f"{error.error}: {error.description}"), 400


@app.post("/sign-out")
def sign_out():
    """Forget the tokens. The person stays signed in at the provider."""
    TOKENS.pop(session.pop("key", None), None)
    return redirect(url_for("home"))


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ.get("CLIENT_PORT", "5001")))
