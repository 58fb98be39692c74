# Two commands do all the set-up: `make run` and `make test`. `make` alone lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
STAMPS := .cache/stamps
PAGE := collab_server/http/static/index.html
PAGE_SOURCES := $(shell find frontend-demo -type f -not -path '*/node_modules/*' 2>/dev/null)
# What `make run` passes on to the server, as in `make run ARGS="--port 8080"`.
ARGS ?=
# Most tests wait for something: two files at a time take half as long. TOGETHER= runs one after the other.
TOGETHER ?= -n 2 --dist loadfile
# More for pytest, as in `make test-fast PYTEST="-k rooms"`.
PYTEST ?=

.PHONY: help setup run check test-fast test test-asgi bench soak docs clean test-setup packages

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- what everything needs ---

$(STAMPS)/venv: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip==26.3
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev,client]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/frontend-demo: frontend-demo/package-lock.json
	cd frontend-demo && npm ci --no-audit --no-fund
	@mkdir -p $(STAMPS) && touch $@

$(PAGE): $(STAMPS)/frontend-demo $(PAGE_SOURCES)
	cd frontend-demo && npm run build
	@touch $@

setup: $(STAMPS)/venv $(PAGE) ## Install into .venv and build the page

run: setup ## Start the server on its embedded default; ARGS="--port 8080" passes flags on
	$(BIN)/collab-server serve $(ARGS)

# --- checks and tests ---

check: $(STAMPS)/venv $(STAMPS)/frontend-demo ## Lint, format, types, import contracts, the page's types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd frontend-demo && npm run --silent check

$(STAMPS)/tests-%: tests/%/package-lock.json
	cd tests/$* && npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

$(STAMPS)/tests-oracle-node: tests/oracle/node/package-lock.json
	cd tests/oracle/node && npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

# Debian's packages that tests start, and the file of each by which to know that it is there.
PACKAGES := chromium:/usr/bin/chromium fuse3:/usr/bin/fusermount3 strace:/usr/bin/strace

packages: ## Install what the tests need from Debian
	@missing=; for entry in $(PACKAGES); do test -e "$${entry#*:}" || missing+=" $${entry%%:*}"; done; \
	test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; }

test-setup: setup packages $(STAMPS)/tests-node $(STAMPS)/tests-oracle-node

test-fast: $(STAMPS)/venv ## The tests that take under two minutes together
	$(BIN)/pytest -m "not slow and not soak" $(TOGETHER) $(PYTEST)

test: test-setup ## All tests, browsers and foreign clients included
	cd frontend-demo && npm test --silent
	$(BIN)/pytest -m "not soak" $(TOGETHER) $(PYTEST)

test-asgi: test-setup ## The suites of foreign clients and of the protocol once more, over ASGI
	$(BIN)/pytest -m "not soak" tests/interop tests/conformance --way-in asgi $(TOGETHER) $(PYTEST)

soak: test-setup ## The long tests: hours
	$(BIN)/pytest -m soak $(PYTEST)

bench: setup ## Measure against the peers and rewrite bench/README.md; fails if a target is missed
	status=0; $(BIN)/python -m bench run || status=$$?; \
	$(BIN)/python -m bench report bench/results/latest.json; exit $$status

docs: $(STAMPS)/venv ## Rewrite what is generated from the code
	$(BIN)/python docs/generate_configuration.py
	$(BIN)/python docs/generate_operations.py

clean: ## Remove everything that was made, except data
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	rm -rf collab_server/http/static
	find . -name node_modules -prune -exec rm -rf {} + -o -name __pycache__ -prune -exec rm -rf {} +
