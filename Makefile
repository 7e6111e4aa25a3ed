# One place for everything that is done here again and again. Needs only make, git and Python 3.11 to 3.13.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
DONE := $(VENV)/.setup-done
export UV_HTTP_TIMEOUT ?= 180
# Two workers, each test file whole on one of them: what is dear to set up is shared by the tests of a file.
WORKERS ?= 2
PYTEST_OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check extension clean

help: ## list what make can do here
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 15

setup: $(DONE) ## make .venv with nbdeploy and the exact versions of constraints.txt (does nothing when it is up to date)

demo: $(DONE) ## deploy an example notebook and ask the service
	@$(PYTHON) scripts/demo.py

test: $(DONE) ## run all tests (PYTEST_OPTIONS="-m 'not slow'" leaves the long ones out)
	@$(PYTHON) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_OPTIONS)

extension: $(DONE) ## build the JupyterLab sidebar and install it into .venv (needs Node.js 20 or newer)
	@sh scripts/extension.sh $(VENV)

check: $(DONE) ## lint, format, types and the arrows between the folders
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

clean: ## remove what setup, demo and the checks made
	rm -rf $(VENV) .demo nbdeploy/labextension nbdeploy/frontends/static extension/lib extension/node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(DONE): pyproject.toml constraints.txt scripts/setup.sh
	@sh scripts/setup.sh $(VENV)
	@touch $@
