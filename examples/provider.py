"""A provider: an app with users of its own, a login page, and an API that tokens open.

Run it through ``examples/run.sh``, or alone::

    python examples/provider.py
"""

import os
import re
import secrets

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import Integer, String, Text
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from flask_oauth2server import OAuth2Server, Scope, require_oauth

db = SQLAlchemy()
csrf = CSRFProtect()
login_manager = LoginManager()
login_manager.login_view = "login"
login_manager.login_message = None

DEMO_USERS = {"ada": "analytical engine", "bob": "build it twice"}


# --- users and their data: nothing here knows of OAuth --------------------------------------------


class User(UserMixin, db.Model):
    """A person with an account."""

    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String(80), unique=True, nullable=False)
    email = mapped_column(String(255), nullable=False)
    password_hash = mapped_column(String(255), nullable=False)


class Note(db.Model):
    """Something that a person wants to remember."""

    id = mapped_column(Integer, primary_key=True)
    user_id = mapped_column(db.ForeignKey(User.id, ondelete="CASCADE"), nullable=False, index=True)
    text = mapped_column(Text, nullable=False)


@login_manager.user_loader
def load_user(key):
    """The user of a session."""
    return db.session.get(User, int(key))


def find_user(name):
    """The user of that name, or None."""
    return db.session.execute(db.select(User).filter_by(name=name)).scalar()


class LoginForm(FlaskForm):
    """Who are you?"""

    name = StringField("Name", validators=[InputRequired()])
    password = PasswordField("Password", validators=[InputRequired()])


# --- the provider ---------------------------------------------------------------------------------

oauth2 = OAuth2Server(db=db, user_model=User)
oauth2.scopes.register(Scope("email", "Read your name and e-mail address"))
oauth2.scopes.register(Scope("notes", "Read and write your notes", optional=True))


@oauth2.user_claims("name", "email", "email_verified")
def claims(user):
    """What clients that sign people in may be told, as far as their scopes go."""
    return {"name": user.name, "email": user.email, "email_verified": True}


@oauth2.admin_required
def is_administrator(user):
    """Who may open /admin/oauth2/."""
    return user.name == "ada"


def create_app(**config):
    """The app; *config* overrides what is set here."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(),  # a fixed one keeps people signed in
        SQLALCHEMY_DATABASE_URI="sqlite:///provider.sqlite",
        OAUTH2_ISSUER="http://127.0.0.1:5000",
        OAUTH2_PROVIDER_NAME="Demo Notes",
        # Cookies know no ports: two apps on one host need two names.
        SESSION_COOKIE_NAME="provider_session",
        SESSION_COOKIE_SAMESITE="Lax",  # and SESSION_COOKIE_SECURE=True, where it is served by https
    )
    app.config.update(config)

    db.init_app(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    oauth2.init_app(app)  # after db and login_manager

    add_pages(app)
    add_api(app)
    return app


def add_pages(app):
    """Sign in, sign out, and a page to land on."""

    @app.get("/")
    @login_required
    def home():
        return render_template("home.html", form=FlaskForm())

    @app.route("/login", methods=["GET", "POST"])
    def login():
        form = LoginForm()
        if form.validate_on_submit():
            user = find_user(form.name.data)
            # A password is checked even where there is no such user, so that the time tells nothing.
            if check_password_hash(user.password_hash if user else NOBODY, form.password.data) and user:
                login_user(user)
                return redirect(local_path(request.args.get("next")) or url_for("home"))
            form.password.errors = ["Name and password do not belong together."]
        return render_template("login.html", form=form)

    @app.post("/logout")
    def logout():
        logout_user()
        return redirect(url_for("login"))

    @app.after_request
    def secure(response):
        # No form-action here: browsers hold all redirects after a form to it, and the login form's
        # may lead back to a client application.
        headers = response.headers
        headers.setdefault(
            "Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        return response


NOBODY = generate_password_hash(secrets.token_hex())


def local_path(target):
    """*target* if it is a path of this app, else None: nobody is sent to another site after signing in.

    Browsers read ``//`` and ``/\\`` as the beginning of a host name, and pass over tabs and newlines.
    """
    return target if re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", target or "") else None


def add_api(app):
    """What client applications call."""

    @app.get("/api/me")
    @require_oauth("email")
    def me():
        person_needed()
        return jsonify(name=current_user.name, email=current_user.email)

    @app.route("/api/notes", methods=["GET", "POST"])
    @require_oauth("notes")
    def notes():
        person_needed()
        if request.method == "POST":
            note = Note(user_id=current_user.id, text=request.form["text"][:1000])
            db.session.add(note)
            db.session.commit()
            return jsonify(id=note.id, text=note.text), 201
        rows = db.session.execute(db.select(Note).filter_by(user_id=current_user.id).order_by(Note.id)).scalars()
        return jsonify([{"id": note.id, "text": note.text} for note in rows])


def person_needed():
    """A token of ``client_credentials`` stands for a client alone: ``current_user`` is nobody."""
    if not current_user.is_authenticated:
        abort(403)


# --- the demo's users and clients -----------------------------------------------------------------


def register_demo(client_url, client_secret, published_url):
    """Make the tables, the users and the clients that are missing."""
    db.create_all()  # the provider's tables, too
    for name, password in DEMO_USERS.items():
        if not find_user(name):
            user = User(name=name, email=f"{name}@example.org", password_hash=generate_password_hash(password))
            db.session.add(user)
            db.session.flush()
            db.session.add(Note(user_id=user.id, text=f"The first note of {name}."))
    db.session.commit()

    if not oauth2.get_client("demo"):
        _, secret = oauth2.create_client(
            client_id="demo",
            client_secret=client_secret,
            name="Demo Client",
            redirect_uris=[f"{client_url}/callback"],
            scopes=["email", "notes"],
            grant_types=["authorization_code", "refresh_token", "client_credentials"],
        )
        if client_secret is None:
            print(f"The client demo has the secret {secret}", flush=True)
    if not oauth2.get_client("public"):  # a program on somebody's computer: it cannot keep a secret
        oauth2.create_client(
            client_id="public",
            name="Demo Program",
            redirect_uris=["http://127.0.0.1/callback"],  # on any port
            scopes=["email", "notes"],
            token_endpoint_auth_method="none",
            application_type="native",
        )
    if published_url and not oauth2.get_client("confidential"):  # a program of 2014, which knows no PKCE
        oauth2.create_client(
            client_id="confidential",
            client_secret="confidential",
            name="Published Example",
            redirect_uris=[f"{published_url}/oauth2test/authorized"],
            scopes=["test:scope"],
            token_endpoint_auth_method="client_secret_post",
            require_pkce=False,
        )


def main():
    """Serve on this machine only, as the environment says."""
    environ = os.environ
    port = int(environ.get("PROVIDER_PORT", "5000"))
    published_url = environ.get("PUBLISHED_URL")
    app = create_app(
        OAUTH2_ISSUER=f"http://127.0.0.1:{port}",
        SQLALCHEMY_DATABASE_URI=environ.get("DATABASE_URL", "sqlite:///provider.sqlite"),
        DEBUG=bool(published_url),  # for test:scope and /oauth/info/, which the published example asks for
    )
    with app.app_context():
        register_demo(environ.get("CLIENT_URL", "http://127.0.0.1:5001"), environ.get("CLIENT_SECRET"), published_url)
    print(f"Demo Notes, the provider, is at http://127.0.0.1:{port}/")
    for name, password in DEMO_USERS.items():
        print(f"  sign in as {name} with the password: {password}", flush=True)
    print(f"  as ada you are its administrator: http://127.0.0.1:{port}/admin/oauth2/", flush=True)
    app.run("127.0.0.1", port, use_reloader=False, use_debugger=False)


if __name__ == "__main__":
    main()
