"""Backstay, as ``backstay serve`` runs it."""

from __future__ import annotations

import os

from backstay.server.serve import serve

if __name__ == "__main__":
    serve("bench.servers.program:app", port=int(os.environ["BENCH_PORT"]), workers=int(os.environ["BENCH_WORKERS"]))
