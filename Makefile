# Two commands: `make demo` and `make test`. Each creates .venv and installs what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN    := .venv/bin
WEB_LINT := deploy/web-lint
NPM    := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(WEB_LINT)
ARGS   ?=

.PHONY: help venv demo test test-redis lint lint-web format openapi parameters schemas sync bench bench-demo clean

help:
	@echo "make demo [ARGS=--once]  play a real scan and watch its picture form"
	@echo "make test                run every test (installs Chromium if there is none)"
	@echo "make faults [ONLY=F1a,F6] [SEED=n]  break everything, write docs/faults.md"
	@echo "make test-redis          run the queue's tests on Debian's Redis (installs it if missing)"
	@echo "make lint                ruff, mypy --strict, import contracts, luacheck, ESLint, tsc (gets what is missing)"
	@echo "make openapi             write docs/openapi.json, the description of the API"
	@echo "make parameters          write docs/parameters.md, every parameter of a recipe"
	@echo "make schemas             write docs/schemas/, JSON schemas of recipes, profiles and settings"
	@echo "make sync                make the blocking clients from the asyncio ones"
	@echo "make venv                only install"
	@echo "make bench [QUICK=1]     measure the engine beside its peers (see docs/benchmarks.md)"
	@echo "make bench-demo          time the way from scan to picture on this machine"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "exitwave needs Python 3.11 or newer; found $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { rm -rf .venv; echo "python's venv module is missing (Debian: apt-get install python3-venv)"; exit 1; }

.venv/installed-demo: .venv/bin/python pyproject.toml deploy/constraints.txt
	@echo "installing exitwave[demo] into .venv (a few minutes, once)"
	@$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --editable '.[demo]'
	@touch $@

.venv/installed-test: .venv/bin/python pyproject.toml deploy/constraints.txt
	@echo "installing exitwave[test] into .venv (a few minutes, once)"
	@$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --editable '.[test]'
	@touch $@ .venv/installed-demo

venv: .venv/installed-demo

demo: .venv/installed-demo
	@$(BIN)/exitwave demo $(ARGS)

test: .venv/installed-test
	@deploy/get-chromium
	@$(BIN)/python -m pytest $(ARGS)

faults: .venv/installed-test
	@$(BIN)/python -m tests.faults.run $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(ARGS)

test-redis: .venv/installed-test
	@deploy/get-redis
	@EXITWAVE_TEST_SERVER=redis $(BIN)/python -m pytest tests/unit/ledger \
	  tests/integration/test_ledger*.py $(ARGS)

lint: .venv/installed-test lint-web
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@deploy/get-luacheck
	@$(BIN)/python deploy/lint_lua.py

$(WEB_LINT)/node_modules/installed: $(WEB_LINT)/package-lock.json | .venv/bin/python
	@deploy/get-node
	@echo "installing ESLint and TypeScript into $(WEB_LINT)/node_modules (seconds, once)"
	@$(NPM) ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

lint-web: $(WEB_LINT)/node_modules/installed
	@deploy/get-node
	@$(NPM) run --silent eslint
	@$(NPM) run --silent tsc

format: .venv/installed-test
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: .venv/installed-test
	@$(BIN)/python -m exitwave.api.openapi_file docs/openapi.json

parameters: .venv/installed-test
	@$(BIN)/python -m exitwave.recipes.parameter_page docs/parameters.md

schemas: .venv/installed-test
	@$(BIN)/python -m exitwave.api.documentation.schema_files docs/schemas

sync: .venv/installed-test
	@$(BIN)/python deploy/make_sync.py service/exitwave

.venv/installed-bench: .venv/bin/python pyproject.toml deploy/constraints.txt
	@echo "installing exitwave[bench] into .venv (a few minutes, once)"
	@$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --editable '.[bench]'
	@touch $@ .venv/installed-demo

bench: .venv/installed-bench
	@$(BIN)/python -m tests.bench.bench $(if $(QUICK),--quick) $(ARGS)

bench-demo: .venv/installed-test
	@deploy/get-chromium
	@$(BIN)/python -m tests.bench.demo $(ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache $(WEB_LINT)/node_modules
