"""Addresses as people type them, in the one form in which they are kept: e-mail and telephone."""

from __future__ import annotations

from backstay.errors import ValidationFailed
from backstay.schema.post.mail import is_address
from backstay.schema.post.text import read_phone


def read_email(text: str | None) -> str:
    """An e-mail address in lower case, without blanks around it.

    Raises:
        ValidationFailed: it is none.
    """
    email = (text or "").strip().lower()
    if not email:
        raise ValidationFailed("An email address is required")
    if not is_address(email):
        raise ValidationFailed("Unable to validate email address: invalid format")
    return email


def read_number(text: str | None) -> str:
    """A telephone number as digits alone, without the plus sign of E.164.

    Raises:
        ValidationFailed: it is none.
    """
    number = read_phone(text or "")
    if number is None:
        raise ValidationFailed("Invalid phone number format (E.164 required)")
    return number
