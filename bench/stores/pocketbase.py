"""The store of PocketBase, made through its own interface: collections with rules, records, and tokens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import client
from bench.data import Row, chunks, rows, subjects
from bench.load import Server, free_port
from bench.stores.make import asked_size
from bench.wire import Request

PROGRAM = str(Path(sys.executable).with_name("pocketbase"))
NAME, WORD = "bench@example.com", "bench-bench-bench"
IN_THE_ROOM = "room.members.id ?= @request.auth.id"
OURS = 'status = "OPEN" || company = @request.auth.company'


def command(folder: str, port: int) -> list[str]:
    """What serves a store."""
    migrations = f"{folder}/migrations"  # else they lie beside the folder, and outlive it
    return [PROGRAM, "serve", "--dir", folder, "--migrationsDir", migrations, "--http", f"{client.HOST}:{port}"]


class Store:
    """A PocketBase that is being filled, as its superuser."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.headers: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One answer.

        Raises:
            RuntimeError: it was refused.
        """
        sent = b"" if body is None else json.dumps(body, default=_text).encode()
        answer = client.ask(self.port, Request(method, f"/api/{path}", sent, self.headers))
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body[:2000]!r}")
        return json.loads(answer.body) if answer.body else None

    def make(self, name: str, fields: list[Mapping[str, Any]], *indexes: str, kind: str = "base", **rules: str) -> str:
        """A collection, and its id."""
        body = {
            "name": name,
            "type": kind,
            "fields": [_identity(), *fields],
            "indexes": [
                f"CREATE INDEX {name}_{columns.replace(', ', '_')} ON {name} ({columns})" for columns in indexes
            ],
            **rules,
        }
        return str(self.call("POST", "collections", body)["id"])

    def add(self, name: str, made: list[Row]) -> None:
        """Records."""
        url = f"/api/collections/{name}/records"
        for chunk in chunks(made):
            self.call("POST", "batch", {"requests": [{"method": "POST", "url": url, "body": row} for row in chunk]})


def _text(value: Any) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def _identity() -> Row:
    pattern = {"pattern": "^[a-z0-9-]+$", "autogeneratePattern": "[a-z0-9]{15}"}
    return {"name": "id", "type": "text", "primaryKey": True, "required": True, "min": 1, "max": 36, **pattern}


def _field(kind: str, *names: str, **options: Any) -> list[Mapping[str, Any]]:
    return [{"name": name, "type": kind, **options} for name in names]


def _related(name: str, collection: str, most: int = 1) -> list[Mapping[str, Any]]:
    return _field("relation", name, collectionId=collection, maxSelect=most)


def make(store: Store) -> None:
    """The collections."""
    batch = {"enabled": True, "maxRequests": 2_000, "timeout": 120, "maxBodySize": 64 * 1024 * 1024}
    store.call("PATCH", "settings", {"batch": batch})
    companies = store.make(
        "companies",
        _field("text", "name", "industry", "website"),
        "industry",
        listRule="",
        viewRule="",
        updateRule="id = @request.auth.company",
    )
    people = store.make("recruiters", [*_field("text", "name"), *_related("company", companies)], kind="auth")
    store.make(
        "postings",
        [
            *_related("company", companies),
            *_field("text", "title", "description", "city", "level", "status"),
            *_field("number", "salary_low", "salary_high"),
            *_field("date", "closes_on", "published_at"),
        ],
        *("company", "city, status, published_at", "published_at"),
        listRule=OURS,
        viewRule=OURS,
    )
    mine = "user = @request.auth.id"
    owned = [*_related("user", people), *_field("text", "name"), *_field("json", "filters")]
    store.make("saved_searches", owned, "user", listRule=mine, viewRule=mine, createRule=mine)
    rooms = store.make("rooms", [*_field("text", "name"), *_related("members", people, 10_000)])
    store.make(
        "messages",
        [*_related("room", rooms), *_related("author", people), *_field("text", "text")],
        *("room", "author"),
        listRule=IN_THE_ROOM,
        viewRule=IN_THE_ROOM,
        createRule=f"author = @request.auth.id && {IN_THE_ROOM}",
    )
    store.make("documents", _field("text", "body", max=20_000), listRule="", viewRule="")


def main() -> None:
    """Make the collections, fill them and keep the callers' tokens."""
    folder, size = asked_size()
    Path(folder).mkdir(parents=True)
    subprocess.run([PROGRAM, "superuser", "upsert", NAME, WORD, "--dir", folder], check=True, capture_output=True)
    port = free_port()
    server = Server("pocketbase-filling", command(folder, port), port, {}, frozenset())
    try:
        server.await_answer(Request("GET", "/api/health"))
        store = Store(port)
        entered = store.call("POST", "collections/_superusers/auth-with-password", {"identity": NAME, "password": WORD})
        store.headers["authorization"] = entered["token"]
        make(store)
        known = subjects(size)
        callers = {caller for caller, _ in known.callers}
        tables = dict(rows(size))
        store.add("companies", tables["companies"])
        for row in tables["users"]:
            # A password costs a server a good part of a second: only those who ask are its users.
            if str(row["id"]) in callers:
                person = {"id": row["id"], "email": row["email"], "name": row["name"], "company": row["company_id"]}
                store.call(
                    "POST", "collections/recruiters/records", {**person, "password": WORD, "passwordConfirm": WORD}
                )
        store.add("postings", [{**row, "company": row["company_id"]} for row in tables["postings"]])
        members: dict[int, list[str]] = {row["id"]: [] for row in tables["rooms"]}
        for row in tables["members"]:
            if str(row["user_id"]) in callers:
                members[row["room_id"]].append(str(row["user_id"]))
        store.add(
            "rooms", [{**row, "id": f"{row['id']:015}", "members": members[row["id"]]} for row in tables["rooms"]]
        )
        store.add("documents", [{**row, "id": f"{row['id']:015}"} for row in tables["documents"]])
        tokens = [
            store.call("POST", f"collections/recruiters/impersonate/{caller}", {"duration": 10**9})["token"]
            for caller, _ in known.callers
        ]
        (Path(folder) / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
