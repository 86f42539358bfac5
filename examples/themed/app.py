"""A host whose provider pages wear the host's own clothes: its layout, its colours, its menu.

Run it alone, and sign in as ada::

    python examples/themed/app.py

The pages are told in ``docs/guide/pages.rst``. What makes them look like this host:

* ``OAUTH2_BASE_TEMPLATE`` names ``templates/host.html``, the layout of all pages of this app;
* ``static/themed.css`` sets three variables, ``--o2-accent``, ``--o2-font`` and ``--o2-radius``;
* ``templates/oauth2server/settings/index.html`` fills one block, ``navigation``, with this app's menu.
"""

import os
import re
import secrets

from flask import Flask, redirect, render_template, request, url_for
from flask_login import LoginManager, UserMixin, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import Integer, String
from wtforms import StringField
from wtforms.validators import InputRequired

from flask_oauth2server import OAuth2Server, Scope

db = SQLAlchemy()
csrf = CSRFProtect()
login_manager = LoginManager()
login_manager.login_view = "login"
login_manager.login_message = None

#: The menu of this app; the page of applications is one of its own pages.
MENU = (("Plants", "plants"), ("Account", "account"), ("Applications", "oauth2server_settings.index"))


class User(UserMixin, db.Model):
    """A person with an account."""

    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String(80), unique=True, nullable=False)
    email = mapped_column(String(255), nullable=False)


@login_manager.user_loader
def load_user(key):
    """The user of a session."""
    return db.session.get(User, int(key))


class LoginForm(FlaskForm):
    """Who are you? (An example: a real app asks for more than a name.)"""

    name = StringField("Name", validators=[InputRequired()])


oauth2 = OAuth2Server(db=db, user_model=User)
oauth2.scopes.register(Scope("email", "See your name and e-mail address"))
oauth2.scopes.register(Scope("plants", "See the plants in your garden"))
oauth2.scopes.register(Scope("water", "Water them for you", optional=True))


@oauth2.user_display
def user_display(user):
    """How the pages call a person, and the line below."""
    return user.name.capitalize(), user.email


def create_app(**config):
    """The app; *config* overrides what is set here."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(),
        SQLALCHEMY_DATABASE_URI="sqlite:///themed.sqlite",
        SESSION_COOKIE_NAME="themed_session",
        SESSION_COOKIE_SAMESITE="Lax",
        OAUTH2_ISSUER="http://127.0.0.1:5010",
        OAUTH2_PROVIDER_NAME="Allotment",
        OAUTH2_PROVIDER_MARK_URL="/static/mark.svg",
        OAUTH2_BASE_TEMPLATE="host.html",
    )
    app.config.update(config)
    db.init_app(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    oauth2.init_app(app)  # after db and login_manager
    add_pages(app)
    return app


def add_pages(app):
    """The pages of this app; nothing here knows of OAuth."""

    @app.context_processor
    def menu():
        return {"menu": [(text, url_for(endpoint), request.endpoint == endpoint) for text, endpoint in MENU]}

    @app.get("/")
    def plants():
        return render_template("page.html", heading="Plants")

    @app.get("/account/")
    @login_required
    def account():
        return render_template("page.html", heading="Account")

    @app.route("/login", methods=["GET", "POST"])
    def login():
        form = LoginForm()
        if form.validate_on_submit():
            user = db.session.execute(db.select(User).filter_by(name=form.name.data)).scalar()
            if user:
                login_user(user)
                return redirect(local_path(request.args.get("next")) or url_for("oauth2server_settings.index"))
            form.name.errors = ["Nobody here has that name."]
        return render_template("login.html", form=form)

    @app.post("/logout")
    def logout():
        logout_user()
        return redirect(url_for("login"))

    @app.after_request
    def secure(response):
        # Pages of the provider have set theirs already.
        policy = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


def local_path(target):
    """*target* if it is a path of this app, else None: nobody is sent to another site after signing in."""
    return target if re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", target or "") else None


def fill():
    """Make the tables, one person, and something to look at."""
    db.create_all()
    if db.session.execute(db.select(User)).first():
        return
    ada = User(name="ada", email="ada@example.org")
    db.session.add(ada)
    db.session.commit()
    oauth2.create_personal_token(ada, name="Greenhouse thermometer", scopes=["plants"])
    oauth2.create_client(
        name="Watering Calendar",
        client_id="watering-calendar",
        client_uri="https://calendar.example",
        redirect_uris=["https://calendar.example/callback"],
        scopes=["email", "plants", "water"],
        owner=ada,
        verified=False,
    )


def main():
    """Serve on this machine only."""
    app = create_app()
    with app.app_context():
        fill()
    print("Allotment is at http://127.0.0.1:5010/ ; sign in as ada", flush=True)
    app.run("127.0.0.1", 5010, use_reloader=False, use_debugger=False)


if __name__ == "__main__":
    main()
