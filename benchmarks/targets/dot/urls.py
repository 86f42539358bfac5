"""Addresses and views."""

from __future__ import annotations

from bench.facts import SCOPE, USER_ID
from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from oauth2_provider import urls as oauth2_urls
from oauth2_provider.decorators import protected_resource


def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign the person in."""
    login(request, get_user_model().objects.get(pk=USER_ID), backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse("signed in")


@protected_resource(scopes=[SCOPE], advertise_metadata=True)
def ping(request: HttpRequest) -> HttpResponse:
    """Who may call, by key."""
    user = request.resource_owner  # type: ignore[attr-defined]
    return JsonResponse({"user": user and user.pk})  # the decorator does not tell which application


@protected_resource(scopes=[SCOPE], advertise_metadata=True)
def me(request: HttpRequest) -> HttpResponse:
    """The same, with the person's name."""
    user = request.resource_owner  # type: ignore[attr-defined]
    return JsonResponse({"user": user.pk, "name": user.first_name})


urlpatterns = [
    path("login", sign_in),
    path("api/ping", ping),
    path("api/me", me),
    path("o/", include((oauth2_urls.base_urlpatterns, "oauth2_provider"))),
    *oauth2_urls.metadata_urlpatterns,
]
