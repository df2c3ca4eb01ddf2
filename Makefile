# All targets use ./.venv, which `make setup` creates from requirements.lock.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.locked
# What takes longest comes first, so that no long file is left over at the end; speech, which computes, in turn with the others, which
# wait (tests/scheduling.py).
TIERS := tests/speech tests/services tests/pipeline tests/contract tests/unit
PYTESTS ?= 4
# macOS has a make that lacks it.
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync)
# Our own modules are compiled once too (scripts/setup.sh).
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo dev wheel test models services services-stop chaos unit check types lint rules fix generate lock bench clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create ./.venv from the lock file (does nothing if it is up to date)

$(STAMP): requirements.lock pyproject.toml
	@scripts/setup.sh $(PYTHON)
	@touch $@

demo: setup ## transcribe the bundled clips over HTTP and show texts and times
	@$(BIN)/python -m examples.demo

dev: setup ## run the whole system in one process: http://127.0.0.1:8511 (it prints how to call the command line)
	@$(BIN)/murmur dev

wheel: setup ## build dist/murmur-….whl, for `uv tool install` or `pipx install`
	@$(BIN)/uv build --quiet --wheel --out-dir dist . && ls dist/*.whl

test: check ## all checks and tests: unit, contract, pipeline, speech, services
	@$(BIN)/python -m scripts.models
	@$(BIN)/python -m scripts.browser
	@$(BIN)/python -m scripts.services build
	@$(BIN)/python -m pytest $(TIERS) --numprocesses $(PYTESTS) --dist loadscope --no-loadscope-reorder

models: setup ## download original Whisper weights, tiny.en and base, into a cache outside the checkout (220 MB)
	@$(BIN)/python -m scripts.models

services: setup ## start Kafka, MinIO and versitygw on loopback (built once, 5-8 minutes), with an env file each in .services
	@$(BIN)/python -m scripts.services up

services-stop: setup ## stop them, including those of a killed earlier run
	@$(BIN)/python -m scripts.services down

chaos: setup ## the long fault run on real Kafka (half an hour): kills, zombies, outages, bad networks, repeats, poison
	@$(BIN)/python -m tests.services.chaos

unit: setup ## only the fast tests
	@$(BIN)/python -m pytest tests/unit

check: setup ## ruff, format, mypy strict, dead code, import directions, limits, generated files
	@$(MAKE) --no-print-directory --jobs=2 $(SYNC) types lint rules

types: setup
	@$(BIN)/mypy

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/vulture

rules: setup
	@$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py tests/test_deployment.py tests/test_monitoring.py

fix: setup ## let ruff fix what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

generate: setup ## rewrite the generated files: JSON Schemas, .env.example, tables in docs
	@$(BIN)/python scripts/generate.py

lock: setup ## update requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-header pyproject.toml -o requirements.lock

bench: setup ## measure latency, throughput and what an idle process costs, side by side (a quiet machine, eight minutes)
	@$(BIN)/python -m benchmarks.latency
	@$(BIN)/python -m benchmarks.throughput --models demo --windows full --clips 20
	@$(BIN)/python -m benchmarks.idle
	@$(BIN)/python -m benchmarks.overhead
	@$(BIN)/python -m benchmarks.http_load

clean: ## remove ./.venv and ./.murmur
	@rm -rf .venv .murmur .mypy_cache .ruff_cache .pytest_cache
