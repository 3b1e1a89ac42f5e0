# Everything runs from .venv, which `make setup` builds from nothing but Python 3.11 or later.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup test test-fast chaos fuzz lint check format coverage demo bench up down secrets contract \
	lock clean

VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin
SECRETS := deploy/secrets
ARGS ?=
# Processes that share the tests out, each with a Kafka of its own; ARGS=-n0 runs them in one.
PROCESSES ?= 2
SHARED_OUT := --numprocesses $(PROCESSES)
SOURCES := events alerts streams deploy tests
# The first Python that is new enough and can make environments; PYTHON=… names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done)

help: ## Print every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/project.stamp ## Make .venv with the locked versions, and the project in it

$(VENV)/locked.stamp: requirements.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11+ that can make environments: install python3 and python3-venv" >&2; \
		exit 1; fi
	@echo "Making $(VENV) with the versions of requirements.txt …" >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements.txt
	@touch $@

$(VENV)/project.stamp: $(VENV)/locked.stamp pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@

test: setup ## Run every test, those on a real broker included; ARGS goes to pytest
	@$(BIN)/python -m pytest $(SHARED_OUT) $(ARGS)

test-fast: setup ## Run the tests that need no broker and take no more than seconds
	@$(BIN)/python -m pytest $(SHARED_OUT) -m "not broker and not slow" $(ARGS)

chaos: setup ## Run the faults and floods alone: workers, brokers and publishers that misbehave
	@$(BIN)/python -m pytest $(SHARED_OUT) -m chaos $(ARGS)

fuzz: setup ## Feed decode and import what chance makes, ten minutes each; ARGS=--help
	@$(BIN)/python -m tests.fuzz.runs $(ARGS)

lint: setup ## Lint, formatting and types
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy

check: lint test-fast ## Lint, formatting, types and fast tests

format: setup ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

coverage: setup ## Run every test and report the lines and branches none went through
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

demo: setup ## Run the demo on a real Kafka; ARGS=--once ends it once all is judged
	@$(BIN)/cmowatch demo $(ARGS)

bench: setup $(BENCH)/locked.stamp ## Measure speed, memory and holds beside peers and an earlier commit; ARGS=--help
	@$(BIN)/python -m deploy.lab.bench --quix-python $(BENCH)/bin/python $(ARGS)

# Quix Streams wants other versions than ours, so it has an environment of its own.
$(BENCH)/locked.stamp: bench-requirements.txt | setup
	@echo "Making $(BENCH) with the versions of bench-requirements.txt …" >&2
	@$(PYTHON) -m venv --clear $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r bench-requirements.txt
	@touch $@

up: secrets ## Start everything in containers, by Docker Compose, with passwords of its own
	@docker compose --file deploy/compose.yml up --build --detach --wait
	@echo "Grafana is at http://localhost:3000: admin, $(SECRETS)/grafana-admin-password" >&2

down: ## Stop these containers; what they know stays in their volumes
	@docker compose --file deploy/compose.yml down

# Readable by the users of the containers, and behind a folder that only you can enter. Receivers of
# Alertmanager that are not told their real secret yet get one that opens nothing.
secrets: ## Make the secrets of `make up` that are missing, of random content
	@umask 022; mkdir -p -m 700 $(SECRETS); mkdir -p $(SECRETS)/alertmanager; \
	for file in grafana-admin-password grafana-secret-key $$(sed -n \
		's,.*/etc/alertmanager/secrets/\([A-Za-z0-9._-]*\).*,alertmanager/\1,p' \
		deploy/alertmanager/alertmanager.yml); do \
		[ -s $(SECRETS)/$$file ] && continue; \
		head -c 24 /dev/urandom | base64 | tr -d '\n' > $(SECRETS)/$$file; \
	done

contract: setup ## Generate docs/kpis.md, and the contract's schemas and AsyncAPI document, again
	@$(BIN)/cmowatch contract

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

lock: setup ## Lock the newest allowed versions, with hashes, in the requirements files
	@$(COMPILE) --upgrade pyproject.toml --extra dev --extra lab --output-file requirements.txt
	@$(COMPILE) --upgrade deploy/lab/bench/requirements.in --output-file bench-requirements.txt
	@$(COMPILE) --constraints requirements.txt pyproject.toml --output-file deploy/requirements.txt
	@$(COMPILE) --constraints requirements.txt - --output-file deploy/build-requirements.txt \
		<<< hatchling

clean: ## Remove .venv and everything that can be made again
	@rm -rf $(VENV) $(BENCH) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
