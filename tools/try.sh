#!/usr/bin/env bash
# A stranger's first hour: clone the last commit into an empty folder, run the tests, start the demo and ask it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
port="${PORT:-8123}"
clone="$(mktemp -d)"
demo=""
finish() {
    [ -z "$demo" ] || kill -TERM -- "-$demo" 2>/dev/null || true
    rm -rf "$clone"
}
trap finish EXIT

git clone --quiet . "$clone/backstay"
cd "$clone/backstay"
make test

set -m
make demo PORT="$port" >demo.log 2>&1 &
demo=$!
set +m
for _ in $(seq 120); do
    if .venv/bin/python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/openapi.json', timeout=5)" 2>/dev/null; then
        echo "The demo answers on port $port:"
        cat demo.log
        exit 0
    fi
    kill -0 "$demo" 2>/dev/null || break
    sleep 1
done
echo "The demo does not answer:"
cat demo.log
exit 1
