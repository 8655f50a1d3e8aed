"""``make demo``: the hiring platform with its data, served, and lines to try."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".demo"


def main() -> None:
    """Make the database if need be, and serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    os.environ.setdefault("BACKSTAY_DATABASE", f"sqlite:///{FOLDER / 'hiring.db'}")
    from backstay.cli.report import complain
    from backstay.errors import BackstayError

    try:
        asyncio.run(serve(arguments.host, arguments.port))
    except BackstayError as error:
        complain(error)
        sys.exit(1)


async def serve(host: str, port: int) -> None:
    """Bring the tables in step, fill them unless they are filled, and serve."""
    from backstay.cli.dev.run import bring_database_in_step, prepare, serve_until_stopped
    from backstay.cli.load import load

    loaded = load(str(HERE / "hiring.py"))
    prepare(loaded)
    await bring_database_in_step(loaded)
    import seed

    await seed.main()
    await serve_until_stopped(loaded.app, host=host, port=port, hello=show)


def show(address: str) -> None:
    """Print what to try, with keys and tokens that work."""
    import seed
    from backstay.auth.mint import mint
    from backstay.cli.dev.greet import curl_line, javascript_line
    from backstay.cli.report import say
    from hiring import app

    settings = app.settings
    key = settings.publishable_key
    rita, ada = (
        mint(settings.jwt_secret, user=person.id, lifetime=timedelta(days=30)) for person in (seed.RITA, seed.ADA)
    )
    company = f"company_id=eq.{seed.company_id(0)}"
    tries = {
        "Everybody may search open postings, here for Django in Austin:": curl_line(
            address,
            key,
            "postings?select=title,salary_middle,company:companies(name),skills!inner(name)"
            "&skills.name=eq.Django&city=eq.Austin&order=salary_high.desc&limit=3",
        ),
        "... or for words in any form, here for detecting frauds, but not as a lead:": curl_line(
            address,
            key,
            "postings?select=title,description&description=wfts.detecting+frauds&title=wfts.developers+-lead&limit=3",
        ),
        "... and ask what a job pays:": curl_line(address, key, "rpc/salary_range?city=Austin&level=SENIOR"),
        "Rita recruits for the first company, and sees who applied there, with the company's own notes:": curl_line(
            address,
            key,
            f"applications?select=status,posting:postings(title),candidate:users(name),notes(text)&{company}&limit=3",
            token=rita,
        ),
        "Ada sees the applications she sent, and no notes on them:": curl_line(
            address, key, "applications?select=status,posting:postings(title),notes(text)&limit=3", token=ada
        ),
        "One function, two answers, for its session is the caller's (Rita's company, all of Ada's):": curl_line(
            address, key, "rpc/pipeline", token=rita
        )
        + "\n  "
        + curl_line(address, key, "rpc/pipeline", token=ada),
        "With supabase-js (Node 22 or newer; once: npm install @supabase/supabase-js):": javascript_line(
            address, key, 'from("postings").select("title, companies(name)").eq("city", "Remote").limit(3)'
        ),
    }
    say()
    say(f"The hiring platform is served on {address}", "bold")
    say(f"  docs             {address}/docs")
    say(f"  publishable key  {key}")
    say(f"  secret key       {settings.secret_key}")
    for words, line in tries.items():
        say()
        say(words, "bold")
        say(f"  {line}")
    say()


if __name__ == "__main__":
    main()
