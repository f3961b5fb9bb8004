# Every command of this project. `make` alone lists them; continuous integration runs `make test` and nothing else.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTEST := $(BIN)/pytest -q
PHONE  := tests/browser/node_modules/.bundle/jssip.js
SDKS   := tests/javascript/node_modules/.package-lock.json

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo dev test check lint fmt types arch unit property conformance e2e fuzz bench docs mirrored lock clean

help:            ## list these commands
	@sed -n 's/^\([a-z][a-z0-9]*\):[^#]*##\( .*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(STAMP)  ## build .venv from the locked versions (needs Python 3.11 and a package registry)

$(STAMP): requirements/dev.lock pyproject.toml tools/prepare.sh
	@python=$$(bash tools/prepare.sh python) && { $(BIN)/python -m pip --version >/dev/null 2>&1 || "$$python" -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: setup      ## a whole redirected call on this machine, explained while it happens
	$(BIN)/python examples/demo.py

dev: setup       ## run the server for development
	$(BIN)/strowger dev

test: system setup $(PHONE) $(SDKS) lint types arch mirrored  ## everything, exactly what continuous integration runs
	$(PYTEST) tests

check: setup lint types arch mirrored unit property conformance  ## the quick part of test: no system packages needed

.PHONY: system
system:
	@bash tools/prepare.sh tests

$(PHONE): tests/browser/package.json tests/browser/package-lock.json tests/browser/.npmrc
	cd tests/browser && npm ci --loglevel=error && npm run --silent bundle

$(SDKS): tests/javascript/package.json tests/javascript/package-lock.json tests/javascript/.npmrc
	cd tests/javascript && npm ci --loglevel=error
	@touch $@

lint: setup
	$(BIN)/ruff check .

fmt: setup       ## repair what the linter can repair
	$(BIN)/ruff check --fix .

types: setup
	$(BIN)/mypy

arch: setup      ## who may import whom
	$(BIN)/lint-imports

unit: setup
	$(PYTEST) tests/unit

property: setup
	$(PYTEST) tests/property

conformance: setup
	$(PYTEST) tests/conformance

e2e: system setup $(PHONE) $(SDKS)  ## the program as a user starts it, against real peers
	$(PYTEST) tests/e2e

fuzz: setup      ## twenty seconds of hostile input for every parser
	@set -e; for target in fuzz/fuzz_*.py; do echo "$$target"; $(BIN)/python "$$target" --seconds 20; done

bench: setup     ## measure, and print what was measured
	$(BIN)/python benches/run.py

docs: setup      ## regenerate the reference pages
	$(BIN)/python tools/docs.py

mirrored: setup  ## every source file has its unit test file
	$(BIN)/python tools/mirrored_tests.py

lock: setup      ## resolve the versions anew
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet --no-header --generate-hashes --python-version 3.11 -o requirements/runtime.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet --no-header --generate-hashes --python-version 3.11 --group dev -c requirements/runtime.lock -o requirements/dev.lock

clean:           ## forget the environment and all caches
	rm -rf $(VENV) tests/browser/node_modules tests/javascript/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
