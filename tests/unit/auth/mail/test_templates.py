"""Templates: the package's own, those of an application, and what neither can be made to do."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backstay import auth
from backstay.auth.mail.letter import Letter
from backstay.auth.mail.templates import Templates
from backstay.errors import DeclarationError
from backstay.schema.post.mail import KINDS, Mail, MailKind, Undeliverable

LINK = "https://app.example.com/auth/v1/verify?token=abc&type=recovery&redirect_to=https%3A%2F%2Fapp.example.com"


def templates(folder: Path | None = None, name: str = "Hiring") -> Templates:
    return Templates(site_name=name, site_url="https://app.example.com", folder=folder)


def letter(kind: MailKind = "recovery", **given: Any) -> Letter:
    words: dict[str, Any] = {
        "to": "ada@example.com",
        "link": LINK,
        "code": "123456",
        "lifetime": timedelta(hours=1),
        "new_email": "ada@new.example",
        "old_email": "ada@old.example",
        "provider": "GitHub",
        "factor": "TOTP",
    }
    return Letter(kind=kind, **{**words, **given})


def write(source: str, folder: Path, end: str = "txt", **given: Any) -> Mail:
    head = "Subject: hello\n\n" if end == "txt" else ""
    (folder / f"recovery.{end}").write_text(head + source, encoding="utf-8")
    return templates(folder).write(letter(**given))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_subject_a_text_and_a_page(kind: MailKind) -> None:
    mail = templates().write(letter(kind))
    assert "\n" not in mail.subject
    assert mail.subject and mail.text.strip()
    assert mail.html.startswith("<!doctype html>") and "<h1" in mail.html
    assert "Hiring" in mail.subject + mail.text and "Hiring" in mail.html
    assert "{" not in mail.text + mail.subject


@pytest.mark.parametrize("kind", ["confirmation", "recovery", "magic_link", "invite", "email_change"])
def test_a_link_and_a_code_are_in_both_forms(kind: MailKind) -> None:
    mail = templates().write(letter(kind))
    assert LINK in mail.text
    assert f'href="{LINK.replace("&", "&amp;")}"' in mail.html
    assert "123456" in mail.text and "123456" in mail.html
    assert "60 minutes" in mail.text and "60 minutes" in mail.html
    assert (mail.link, mail.code) == (LINK, "123456")


def test_a_code_without_a_link_is_in_both_forms() -> None:
    mail = templates().write(letter("reauthentication", link=""))
    assert "123456" in mail.text and "123456" in mail.html and "<a " not in mail.html


def test_a_link_without_a_code_asks_for_none() -> None:
    mail = templates().write(letter("recovery", code="", lifetime=timedelta(0)))
    assert "code" not in mail.text and "minutes" not in mail.text


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_no_kind_of_mail_that_nothing_sends(kind: MailKind) -> None:
    flows = "".join(path.read_text() for path in Path(auth.__file__).parent.rglob("*.py") if path.parent.name != "mail")
    assert f'"{kind}"' in flows


def test_notices_hold_neither_link_nor_code() -> None:
    for kind in KINDS[KINDS.index("password_changed") :]:
        mail = templates().write(letter(kind))
        assert "123456" not in mail.text + mail.html and LINK not in mail.text + mail.html


def test_a_text_to_a_phone_brings_the_code() -> None:
    assert templates().write_text("123456", minutes=10) == "123456 is your code for Hiring. It is good for 10 minutes."


@pytest.mark.asvs("1.2.1")
def test_what_users_wrote_is_text_in_html() -> None:
    mail = templates(name="<i>Hiring</i>").write(letter("email_change", new_email="<b>@example.com"))
    assert "<i>" not in mail.html and "<b>" not in mail.html
    assert "&lt;i&gt;Hiring&lt;/i&gt;" in mail.html
    assert "<i>Hiring</i>" in mail.text


def test_one_file_of_the_application_takes_the_place_of_one(tmp_path: Path) -> None:
    (tmp_path / "recovery.txt").write_text(
        "Subject: New password, {{ data.name }}?\r\n\r\nGo to {{ confirmation_url }}\n"
    )
    mail = templates(tmp_path).write(letter(data={"name": "Ada"}))
    assert mail.subject == "New password, Ada?"
    assert mail.text.strip() == f"Go to {LINK}"
    assert "<h1" in mail.html
    assert templates(tmp_path).write(letter("invite")).subject == "You are invited to Hiring"


def test_the_layout_of_the_application_goes_around_every_mail(tmp_path: Path) -> None:
    (tmp_path / "layout.html").write_text("<header>{{ site_name }}</header>{% block content %}{% endblock %}")
    assert templates(tmp_path).write(letter("invite")).html.startswith("<header>Hiring</header>")


def test_a_template_that_is_edited_is_read_again(tmp_path: Path) -> None:
    words = templates(tmp_path)
    assert "Someone" in words.write(letter()).text
    for number in range(2):
        file = tmp_path / "recovery.txt"
        file.write_text(f"Subject: {number}\n\nHello")
        os.utime(file, ns=(number, number))
        assert words.write(letter()).subject == str(number)
    file.unlink()
    assert "Someone" in words.write(letter()).text


ATTACKS = [
    "{{ 7 * 191 }}",
    "{% if true %}1337{% endif %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ data.__class__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ request.application.__globals__ }}",
    "{{ config.items() }}",
    "{% include '/etc/passwd' %}",
    "{{ ''|attr('__class__') }}",
    "${7*191}",
    "<%= 7*191 %>",
    "#{7*191}",
    "{# comment #}",
    "{{",
    "{% raw %}",
]


@pytest.mark.asvs("1.3.7")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_template_in_a_users_metadata_stays_text(attack: str, tmp_path: Path) -> None:
    (tmp_path / "recovery.html").write_text("<p>{{ data.name }}</p>")
    mail = write("Hello {{ data.name }} {{ data }}", tmp_path, data={"name": attack})
    assert f"Hello {attack} " in mail.text
    assert "1337" not in mail.text.replace(attack, "")
    assert "1337" not in mail.html.replace(attack, "")
    assert mail.html != "<p></p>"
    plain = templates().write(letter("email_change", new_email=attack, old_email=attack))
    assert plain.text.count(attack) == 2


REACHING = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ data.__class__ }}",
    "{{ data['__class__'] }}",
    "{{ data|attr('__class__') }}",
    "{{ [data]|map(attribute='__class__')|list }}",
    "{{ data.items }}",
    "{{ data|attr('items') }}",
    "{{ email.upper }}",
    "{{ self.__class__ }}",
    "{{ self._TemplateReference__context }}",
    "{% for one in [1] %}{{ loop.__class__ }}{{ loop._iterator }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__call__ }}{{ m._func }}",
    "{{ minutes.real }}",
    "{{ lipsum }}{{ cycler }}{{ joiner }}{{ namespace }}{{ dict }}{{ range }}",
]


@pytest.mark.asvs("1.3.7")
@pytest.mark.parametrize("source", REACHING)
def test_a_template_reaches_no_attribute(source: str, tmp_path: Path) -> None:
    from jinja2.exceptions import SecurityError

    try:
        text = write(source, tmp_path).text
    except SecurityError:
        return
    assert text.replace("[Undefined]", "").strip() in ("", "[]")


@pytest.mark.asvs("1.3.7")
@pytest.mark.parametrize(
    "source",
    [
        "{{ email.upper() }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%s'.format_map(data) }}",
        "{{ data.update({'a': 1}) }}",
        "{{ data.f() }}",
    ],
)
def test_a_template_calls_nothing(source: str, tmp_path: Path) -> None:
    from jinja2 import TemplateError

    with pytest.raises(TemplateError):
        write(source, tmp_path, data={"f": print})


def test_a_template_loops_chooses_and_filters(tmp_path: Path) -> None:
    source = "{% for one in data.names %}{{ loop.index }}{{ one|upper }}{% if not loop.last %}, {% endif %}{% endfor %}"
    assert write(source, tmp_path, data={"names": ["ada", "bob"]}).text == "1ADA, 2BOB"


@pytest.mark.asvs("1.3.11")
def test_a_line_break_in_metadata_does_not_reach_the_subject(tmp_path: Path) -> None:
    (tmp_path / "recovery.txt").write_text("Subject: Hello {{ data.name }}\n\nHi")
    with pytest.raises(Undeliverable):
        templates(tmp_path).write(letter(data={"name": "Ada\r\nBcc: eve@example.com"}))


def test_good_templates_pass_the_check(tmp_path: Path) -> None:
    (tmp_path / "recovery.txt").write_text("Subject: Hello\n\nHi {{ data.anything }} {{ token_hash }}")
    (tmp_path / "recovery.html").write_text(
        '{% extends "layout.html" %}{% block content %}{% include "end.html" %}{% endblock %}'
    )
    (tmp_path / "end.html").write_text("{{ site_url }}")
    (tmp_path / "sms.txt").write_text("{{ token }}")
    templates(tmp_path).check()
    templates().check()


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("recovery.html", "{{ conformation_url }}", "there is no variable 'conformation_url'"),
        ("recovery.html", "{% if %}", "recovery.html"),
        ("recovery.html", "{{ a|nofilter }}", "nofilter"),
        ("recovery.txt", "Hello", "its first line must be its subject"),
        ("recovery.txt", "Subject: {{ nam }}\n\nHello", "there is no variable 'nam'"),
        ("recover.html", "Hello", "recover.html is no mail's; is it recovery.html?"),
    ],
)
def test_the_check_names_what_is_wrong(name: str, source: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(source)
    with pytest.raises(DeclarationError, match="mail_templates") as caught:
        templates(tmp_path).check()
    assert told in caught.value.message


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(DeclarationError, match="there is no folder"):
        templates(Path("nowhere")).check()
