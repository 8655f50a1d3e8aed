"""Bearer tokens, in Django REST framework's way."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from bench.servers.django_app.models import User
from bench.servers.token import subject


class BearerAuthentication(BaseAuthentication):
    """A user by their bearer token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """The user of the token."""
        identity = subject(get_authorization_header(request).decode())
        user = None if identity is None else User.objects.filter(pk=identity).first()
        if user is None:
            raise AuthenticationFailed
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """What a refusal asks for."""
        return "Bearer"
