"""The greeting: where the application is, its keys, and lines to paste."""

from __future__ import annotations

import shlex

from backstay.app import Backstay
from backstay.cli.config import mask
from backstay.cli.load import Loaded
from backstay.cli.report import say
from backstay.plan.fold import questions
from backstay.plan.guard import may_select
from backstay.schema.caller import ANONYMOUS
from backstay.schema.served import Served


def greet(loaded: Loaded, address: str, *, mailbox: bool = False) -> None:
    """Print where an application is served, and what to try.

    Arguments:
        loaded: the application, which has its keys.
        address: ``http://127.0.0.1:8000``.
        mailbox: mails go to the mailbox.
    """
    settings = loaded.app.settings
    say()
    say(f"Backstay serves {loaded.shown}", "bold")
    say()
    lines = {
        "address": address,
        "docs": f"{address}/docs" if settings.docs else "",
        "sign-in": f"{address}/auth/sign-in" if settings.pages else "",
        "mailbox": f"{address}/mailbox" if mailbox else "",
        "publishable key": settings.publishable_key,
        "secret key": settings.secret_key,
        "database": mask(settings.database),
    }
    for name, value in lines.items():
        if value:
            say(f"  {name:<17}{value}")
    shown = choose_resource(loaded.app)
    if shown is not None:
        resource, key = shown
        say()
        say("Try, in a shell:", "bold")
        say(f"  {curl_line(address, key, f'{resource}?select=*')}")
        say()
        say("With supabase-js (Node 22 or newer; once: npm install @supabase/supabase-js):", "bold")
        call = f'from("{resource}").select()'
        say(f"  {javascript_line(address, key, call)}")
    say()


def choose_resource(app: Backstay) -> tuple[str, str] | None:
    """A resource to try, and the key with which it answers: one that everybody may see, if there is one."""
    default = app.settings.schemas[0]
    served = [each for each in app.schema.resources.values() if each.name[0] == default]
    public = [each for each in served if _is_public(each)]
    if public:
        return public[0].name[1], app.settings.publishable_key
    return (served[0].name[1], app.settings.secret_key) if served else None


def _is_public(served: Served) -> bool:
    rule = served.rules.select
    if rule is None:
        return False
    return may_select(served, {question.subject: question.ask(ANONYMOUS) for question in questions(rule.expression)})


def curl_line(address: str, key: str, request: str, *, token: str | None = None) -> str:
    """A ``curl`` line that asks for something below ``/rest/v1``."""
    words = ["curl", f"{address}/rest/v1/{request}", "-H", f"apikey: {key}"]
    if token is not None:
        words += ["-H", f"Authorization: Bearer {token}"]
    return shlex.join(words)


def javascript_line(address: str, key: str, call: str) -> str:
    """A line for a shell that has Node: ``call`` on a client of supabase-js."""
    program = (
        'import { createClient } from "@supabase/supabase-js"; '
        f'const {{ data, error }} = await createClient("{address}", "{key}").{call}; '
        "console.log(error ?? data)"
    )
    return shlex.join(["node", "--input-type=module", "-e", program])
