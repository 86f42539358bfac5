"""A client on a server, at http://127.0.0.1:5001/: Flask and Authlib."""

import os
import secrets

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, render_template_string, request, session, url_for

PROVIDER = "http://127.0.0.1:5000"

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ.get("SECRET_KEY", "for development only"),
    SESSION_COOKIE_NAME="client_flask_session",
    SESSION_COOKIE_SAMESITE="Lax",  # so that no other site can post the forms below in the person's name
)
oauth = OAuth(app)
oauth.register(
    "provider",
    client_id="web",
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{PROVIDER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)
PEOPLE = {}  # tokens and claims stay on the server: Flask's session is a cookie that its owner can read

PAGE = """<!doctype html><html lang="en"><title>Client</title><h1>A client in Flask</h1>
{% if person %}<p>Hello, {{ person.claims.name }} ({{ person.claims.email }})!
<form method="post" action="/sign-out"><button>Sign out</button></form>
{% else %}<form method="post" action="/sign-in"><button>Sign in</button></form>{% endif %}
{% if error %}<p>That did not work: {{ error }}{% endif %}</html>"""


def page(error=None):
    """The one page."""
    return render_template_string(PAGE, person=PEOPLE.get(session.get("key")), error=error)


@app.get("/")
def home():
    """Who is there?"""
    return page()


@app.post("/sign-in")
def sign_in():
    """Send the person to the provider, with state, nonce and a PKCE challenge."""
    return oauth.provider.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    """They are back: exchange the code; Authlib checks state, nonce and the ID token."""
    if request.args.get("iss") != PROVIDER:  # RFC 9207: the answer is from whom we asked
        return page("an answer of somebody else"), 400
    token = oauth.provider.authorize_access_token()
    claims = oauth.provider.userinfo(token=token)
    if claims["sub"] != token["userinfo"]["sub"]:  # those of the ID token (OpenID Connect Core, 5.3.2)
        return page("userinfo of somebody else"), 400
    session["key"] = secrets.token_urlsafe()
    PEOPLE[session["key"]] = {"claims": claims, "id_token": token["id_token"]}
    return redirect("/")


@app.errorhandler(OAuthError)
def refused(error):
    """The person has said no, for example."""
    return page(error.description or error.error), 400


@app.post("/sign-out")
def sign_out():
    """Sign out here, then at the provider, which sends the person back to us."""
    person = PEOPLE.pop(session.pop("key", None), None)
    if person is None:
        return redirect("/")
    return oauth.provider.logout_redirect(
        post_logout_redirect_uri=url_for("signed_out", _external=True), id_token_hint=person["id_token"]
    )


@app.get("/signed-out")
def signed_out():
    """They are back from signing out."""
    oauth.provider.validate_logout_response()
    return redirect("/")
