"""The WSGI application."""

from __future__ import annotations

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http on loopback

from django.core.wsgi import get_wsgi_application

app = get_wsgi_application()
