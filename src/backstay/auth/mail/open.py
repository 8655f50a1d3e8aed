"""``open_office(...)``: the post office that the settings and the program ask for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from backstay.auth.mail.office import PostOffice
from backstay.auth.mail.templates import Templates
from backstay.schema.post.mail import Mailer
from backstay.schema.post.text import Texter
from backstay.settings import Settings


def open_office(
    settings: Settings, *, title: str, mailer: Mailer | None = None, texter: Texter | None = None
) -> PostOffice:
    """Make the post office of an application.

    Arguments:
        settings: those of mail; ``site_url`` and ``public_url``.
        title: the application's name, where the settings give none.
        mailer: sends mails in the place of the server that ``smtp_url`` names.
        texter: sends texts.

    Raises:
        DeclarationError: a setting of mail cannot be.
    """
    if mailer is None and settings.smtp_url:
        # Most tests and many programs send their mail another way.
        from backstay.auth.mail.smtp import Smtp, read_place

        mailer = Smtp(
            read_place(settings.smtp_url),
            sender=settings.mail_from,
            name=settings.mail_name,
            timeout=settings.mail_timeout.total_seconds(),
        )
    site = settings.site_url or settings.public_url
    templates = Templates(
        site_name=settings.mail_name or urlsplit(site).hostname or title,
        site_url=site,
        folder=Path(settings.mail_templates) if settings.mail_templates else None,
    )
    return PostOffice(templates, mailer=mailer, texter=texter)
