# Two commands need nothing but Python 3.10 or newer: `make demo` and `make test`.
# The others are for those who change the project.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# More than two cores have: many tests wait for a server or a program.
WORKERS ?= 4

.PHONY: help demo test lint format e2e failures benchmarks clean

help: ## show what there is to make
	@sed -n 's/^\([a-z0-9]*\):.*## /\1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## clone a VM in the sandbox and show the result
	PATH="$(CURDIR)/$(BIN):$$PATH" kubectl-virt_clone sandbox -- sh docs/demo.sh

test: $(VENV)/.test ## run the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lint: $(VENV)/.dev ## check style, types, layers and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

format: $(VENV)/.dev ## write the code in its one style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

e2e: $(VENV)/.test ## run the integration suite on a real cluster: make e2e KUBECONFIG=FILE
	$(BIN)/python -m pytest tests/contract tests/e2e --kubeconfig "$(KUBECONFIG)" $(PYTEST_ARGS)

failures: $(VENV)/.test ## run all failures and write docs/failures.md: what each looks like
	$(BIN)/python -m pytest tests/failures --write $(PYTEST_ARGS)

benchmarks: $(VENV)/.test ## measure it against its peers and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(BENCHMARKS_ARGS)

clean: ## remove what make and the tools have written
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# One virtual environment; each stamp says which of the extras it has.
$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made setup.cfg
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.made setup.cfg
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made setup.cfg
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
