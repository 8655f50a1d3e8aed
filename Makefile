# The only task runner. `make` lists the targets.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
READY := .venv/.ready
MEASURING := bench/.venv/.ready
PYTEST := $(BIN)/pytest -n auto --dist worksteal
CHECKING := tests/test_house.py tests/docs
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help setup demo fast test check ci golden every budget bench docs asvs try

help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## put everything that is needed into .venv

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Backstay needs Python 3.11 or newer: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "Python lacks its venv module (on Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## serve the example application, with data, on port 8000 (PORT=...)
	$(BIN)/python examples/demo.py --port $(PORT)

fast: $(READY) ## tests of single modules and the golden cases: about a minute on two cores
	HYPOTHESIS_PROFILE=quick $(PYTEST) -q -m "not every and not slow" tests/unit tests/golden

test: $(READY) ## all tests but the long ones: about six minutes on two cores
	HYPOTHESIS_PROFILE=quick $(PYTEST) -m "not every and not slow and not processes and not compliance"

check: $(READY) ## format, lint, floors, types, house rules, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy & typed=$$!; $(BIN)/basedpyright && wait $$typed
	$(BIN)/python tools/reference.py --check
	$(PYTEST) -q -p no:randomly $(CHECKING)

ci: check ## what continuous integration runs: check, and every test but the longest
	$(PYTEST) $(CHECKING:%=--ignore=%)

golden: $(READY) ## write the golden files anew; review the difference
	GOLDEN=write $(BIN)/pytest tests/golden

every: $(READY) ## every test there is, property tests at their longest
	HYPOTHESIS_PROFILE=every $(PYTEST) -m "every or not every" --timeout 3600

budget: $(READY) ## the budgets: calls per request, import time, memory
	$(BIN)/pytest -s tests/budgets

bench: $(MEASURING) ## measure Backstay and its peers, and write docs/benchmarks.md; takes 25 minutes (BENCH="--help")
	PYTHONPATH=examples bench/.venv/bin/python -m bench $(BENCH)

$(MEASURING): bench/requirements.txt bench/constraints.txt constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Backstay needs Python 3.11 or newer: make PYTHON=/path/to/python"; exit 1; }
	@test -x bench/.venv/bin/python || $(PYTHON) -m venv bench/.venv
	bench/.venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -c bench/constraints.txt -r bench/requirements.txt
	@touch $@

docs: $(READY) ## write the generated reference pages
	$(BIN)/python tools/reference.py

asvs: $(READY) ## which requirements of OWASP ASVS, and which of our promises, tests show
	$(BIN)/python tools/asvs.py

try: ## what a stranger does: clone, make test, make demo
	tools/try.sh
