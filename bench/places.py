"""Where the stores are, how large they are, and the secret that tokens are signed with.

Servers import this, so it imports nothing of theirs.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
STORE = Path(os.environ.get("BENCH_DATA") or HERE / ".data")
"""Where what is made once is kept, and the results."""

SECRET = "a-secret-for-the-bench-alone-0123456789"
SERVER = os.environ.get("BENCH_POSTGRESQL", f"postgresql://{getpass.getuser()}@127.0.0.1:5432/postgres")
"""A database on the PostgreSQL server at hand, whose user may create databases."""

FAMILIES = ("backstay", "sqlalchemy", "django", "pocketbase")
"""Who has tables of their own: each tool stores values as it will."""


MADE = 100_000
"""Postings that are made one by one; more of them are copies with keys of their own, made by the database."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much data: the postings are dealt to the companies in turn."""

    postings: int = 100_000
    companies: int = 1_000

    @property
    def name(self) -> str:
        """What files and databases of this size are called by."""
        return f"{self.postings}"

    @property
    def made(self) -> int:
        """The postings that are made one by one."""
        return min(self.postings, MADE)

    @property
    def copies(self) -> int:
        """How often each of these is copied."""
        return self.postings // self.made - 1

    @property
    def folder(self) -> Path:
        """Where the stores of this size are."""
        return STORE / self.name


def size_of(postings: int) -> Size:
    """The size with so many postings: a company for each hundred of those that are made one by one."""
    return Size(postings, max(min(postings, MADE) // 100, 1))


def copy_id(copy: int, number: int) -> str:
    """The id of a copy (from 1) of a posting (numbered from 1, in the order of their ids)."""
    return f"{copy:08x}-0000-4000-8000-{number:012x}"


def store_url(family: str, database: str, size: Size) -> str:
    """The URL of a store; of PocketBase's the folder.

    Arguments:
        family: one of FAMILIES.
        database: ``sqlite`` or ``postgresql``.
        size: how much data is in it.
    """
    if family == "pocketbase":
        return str(size.folder / "pocketbase")
    if database == "sqlite":
        return f"sqlite:///{size.folder / family}.db"
    return urlsplit(SERVER)._replace(path=f"/bench_{family}_{size.name}").geturl()
