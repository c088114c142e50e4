# `make help` lists what there is. Everything is put into .venv of this checkout; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
# End-to-end tests wait more than they work: three at a time suit two cores.
TEST_JOBS ?= 3
PYTEST := $(BIN)/pytest -n $(TEST_JOBS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo prefect-demo setup test lint docs reference unit contract e2e browser prefect spark bench lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 18

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 15) else f"Python 3.11 to 3.14 is needed, this is {sys.version.split()[0]}: call make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV)

# One stamp a lock file: a set-up that is up to date costs nothing.
$(VENV)/.runtime: $(VENV)/pyvenv.cfg requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# Beside Python packages: what Prefect's tests want of Debian and of npm. Made only when all of it is there.
$(VENV)/azurite/.installed: tests/system_packages.sh tests/prefect/azurite/package-lock.json | $(VENV)/pyvenv.cfg
	@sh tests/system_packages.sh $(VENV)/azurite

$(VENV)/browser/.installed: tests/browser/install.sh tests/browser/package-lock.json $(VENV)/.dev
	@sh tests/browser/install.sh $(VENV)/browser

$(VENV)/spark/.installed: tests/spark/install.sh tests/spark/ivy.xml tests/spark/jars.sha256 $(VENV)/.dev
	@sh tests/spark/install.sh $(VENV)/spark

setup: $(VENV)/.runtime ## make .venv with what the gate needs

demo: $(VENV)/.runtime ## play a refused merge and a revert, for real (LAKEFS_URL=... STORAGE_NAMESPACE=... GATE_PUBLIC_URL=... for your own lakeFS)
	@$(BIN)/gate demo $(if $(LAKEFS_URL),--lakefs-url '$(LAKEFS_URL)') $(if $(STORAGE_NAMESPACE),--storage-namespace '$(STORAGE_NAMESPACE)') $(if $(GATE_PUBLIC_URL),--public-url '$(GATE_PUBLIC_URL)')

prefect-demo: $(VENV)/.dev ## play two Prefect flows, good and bad, through the gate on a real Prefect server
	@$(BIN)/python -m examples.prefect.demo

test: lint unit contract e2e browser prefect spark ## lint, types, layers, unit, contract and end-to-end tests

lint: $(VENV)/.dev ## ruff, mypy strict, import-linter, pip check (the locks are installed without resolving)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pip check

docs: $(VENV)/.dev ## build the documentation as a site, strictly, into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

reference: $(VENV)/.dev ## write anew what is made of the code: docs/reference, the policy's schema, docs/doctor.md
	@$(BIN)/python -m docs.reference
	@$(BIN)/python -m gate_server.setup.doctor > docs/doctor.md

unit: $(VENV)/.dev ## policy, engine, store and the parts of the embedded lakeFS
	@$(PYTEST) tests/unit

contract: $(VENV)/.dev ## what lakeFS does, held against the embedded server (and a real one: GATE_TEST_LAKEFS_URL)
	@$(PYTEST) tests/contract

e2e: $(VENV)/.dev ## the whole over HTTP with the official SDK
	@$(PYTEST) tests/e2e

browser: $(VENV)/.dev $(VENV)/browser/.installed ## the pages in a real browser (GATE_TEST_IMAGES=docs/images takes their pictures)
	@$(BIN)/pytest tests/browser

prefect: $(VENV)/.dev $(VENV)/azurite/.installed $(VENV)/spark/.installed ## blocks, tasks and flows on a real Prefect server
	@$(BIN)/pytest -n 2 --dist loadfile tests/prefect

spark: $(VENV)/.dev $(VENV)/spark/.installed ## a real Spark on the embedded lakeFS's S3 gateway
	@$(BIN)/pytest tests/spark

bench: $(VENV)/.dev ## print the figures of benchmarks/
	@$(BIN)/python -m benchmarks

lock: ## resolve the dependencies again (versions and hashes, no addresses)
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --extra server --extra local --extra delta --extra iceberg --extra otel --extra prefect --extra spark --group build --group dev -o requirements-dev.lock
	@$(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --extra server --extra local --extra delta --extra iceberg --extra otel --group build -c requirements-dev.lock -o requirements.lock

clean: ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
