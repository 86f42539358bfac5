"""Django's settings: as startproject and the toolkit's tutorial write them, or tuned."""

from __future__ import annotations

import json
import os
from typing import Any

from bench.facts import SCOPE
from bench.filling import PRAGMAS, path_of

TUNED = json.loads(os.environ.get("BENCH_SETTINGS", "{}")).get("tuned", False)

SECRET_KEY = "a secret of the benchmark, long enough for Django to be content with it"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "/login"

_MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
_NEEDED = ("sessions.middleware.SessionMiddleware", "auth.middleware.AuthenticationMiddleware")
MIDDLEWARE = [name for name in _MIDDLEWARE if not TUNED or name.endswith(_NEEDED)]
_APPS = ["admin", "auth", "contenttypes", "sessions", "messages", "staticfiles"]
_CHOSEN = ["auth", "contenttypes"] if TUNED else _APPS
INSTALLED_APPS = [*(f"django.contrib.{name}" for name in _CHOSEN), "oauth2_provider"]
STATIC_URL = "static/"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
_DATABASE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": path_of(os.environ["BENCH_DATABASE"]),
    "OPTIONS": {"init_command": ";".join(PRAGMAS), "transaction_mode": "IMMEDIATE"},
}
if TUNED:
    _DATABASE["CONN_MAX_AGE"] = None
    SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES = {"default": _DATABASE}
OAUTH2_PROVIDER = {
    "SCOPES": {SCOPE: "Read your notes"},
    "OAUTH2_VALIDATOR_CLASS": "grants.Validator",
}
