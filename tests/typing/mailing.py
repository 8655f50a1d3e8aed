"""What a user's editor must know of ways to send mail and texts, and what it must refuse."""

from __future__ import annotations

from typing import assert_type

from sqlalchemy.orm import DeclarativeBase

from backstay import Auth, AuthUser, Console, Mail, Mailer, Texter, Twilio, Undeliverable
from backstay.schema.post.mail import MailKind


class Base(DeclarativeBase): ...


class User(AuthUser, Base):
    __tablename__ = "users"


class Own:
    async def send(self, mail: Mail) -> None:
        assert_type(mail.kind, MailKind)
        if mail.to.endswith(".invalid"):
            raise Undeliverable("the domain is invalid")


class Other:
    async def send(self, phone: str, text: str) -> None: ...


class Wrong:
    async def send(self, mail: str) -> None: ...


mailer: Mailer = Own()
texter: Texter = Other()
Auth(User, mail=Own(), sms=Other())
Auth(User, mail=mailer, sms=Console())
Auth(User, sms=Twilio("AC1", "token", sender="+15550100"))
Auth(User, mail=Wrong())  # type: ignore[arg-type]
Auth(User, sms=Own())  # type: ignore[arg-type]
Twilio("AC1", "token", "+15550100")  # type: ignore[call-arg]
