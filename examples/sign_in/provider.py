"""The provider: an app with people of its own, at http://127.0.0.1:5000/."""

import os

import click
from flask import Flask, redirect, render_template_string, request
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from flask_oauth2server import OAuth2Server, Scope, require_oauth

# What you have already: an app, a database, people, a login page.
app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ.get("SECRET_KEY", "for development only"),
    SQLALCHEMY_DATABASE_URI="sqlite:///provider.sqlite",
    SESSION_COOKIE_NAME="provider_session",  # cookies know no ports: each app on one host needs a name of its own
    SESSION_COOKIE_SAMESITE="Lax",
    OAUTH2_ISSUER="http://127.0.0.1:5000",
)
db = SQLAlchemy(app)
csrf = CSRFProtect(app)
login_manager = LoginManager(app)
login_manager.login_view = "login"


class User(UserMixin, db.Model):
    """A person with an account."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]


@login_manager.user_loader
def load_user(key):
    """The user of a session."""
    return db.session.get(User, int(key))


LOGIN = """<!doctype html><html lang="en"><title>Sign in</title>
<form method="post"><input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
<p><label>Name <input name="name"></label>
<p><label>Password <input name="password" type="password"></label>
<p><button>Sign in</button></form></html>"""


@app.route("/login", methods=["GET", "POST"])
def login():
    """Check the password, and go back to where the person came from."""
    if request.method == "POST":
        user = db.session.scalar(db.select(User).filter_by(name=request.form["name"]))
        if user and check_password_hash(user.password_hash, request.form["password"]):
            login_user(user)
            onward = request.args.get("next", "/")
            return redirect(onward if onward.startswith("/oauth/") else "/")  # never to another site
    return render_template_string(LOGIN)


# The provider.
oauth2 = OAuth2Server(app, db=db, user_model=User)
oauth2.scopes.register(Scope("notes", "Read your notes"))


@oauth2.user_claims("name", "email")
def claims(user):
    """What clients may be told of a person, if the person allows it."""
    return {"name": user.name.title(), "email": f"{user.name}@example.org"}


@app.get("/api/notes")
@require_oauth("notes")
def notes():
    """An API that access tokens open."""
    return {"notes": [f"The first note of {current_user.name}."]}


@app.after_request
def share_api(response):
    """Let pages of any origin call the API: a token opens it, and no cookie."""
    if request.path.startswith("/api/"):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Authorization"
        response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate"
    return response


@app.cli.command("add-person")
@click.argument("name")
@click.password_option()
def add_person(name, password):
    """Add somebody who can sign in."""
    db.create_all()  # all tables that are missing, the provider's, too
    db.session.add(User(name=name, password_hash=generate_password_hash(password)))
    db.session.commit()
